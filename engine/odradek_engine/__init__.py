"""The server: a Kafka-native stateful stream processor that drives durable handlers."""

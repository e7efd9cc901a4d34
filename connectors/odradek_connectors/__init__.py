"""Where records come from and go to: Kafka sources and sinks, the Faust bridge."""

"""What a node tells about itself: counters, the Prometheus registry, the node port."""

"""The loop around a partition: turns, release after acknowledgement, announcement, recovery, timers."""

"""The admin API of a node: what is registered, what runs, topics, state and SQL. Paths and shapes are Restate's."""

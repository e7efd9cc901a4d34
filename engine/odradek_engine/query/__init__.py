"""SQL over the durable tables, in the dialect of DataFusion, under the names and types of Restate's tables."""

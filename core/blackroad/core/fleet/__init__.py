"""What a node and the others know of each other, by the log itself."""

"""Fan-out in a node: from the log's entries to everyone who follows them, each encoded once."""

"""JSON in and out: what clients say, and what they are told, word for word as the browser protocol has it."""

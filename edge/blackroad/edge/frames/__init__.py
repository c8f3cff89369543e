"""JSON in and out: what clients say and are told, word for word as the browser protocol has it."""

"""Other servers that do the same work, each at its best: the publisher sits in the process."""

"""The settings of all parts as one tree: from file, environment and flags, in rising order."""

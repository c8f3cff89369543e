"""The cases, by the names that the command takes."""

"""The command: one program that starts, uses and operates an installation."""

"""The door of server-sent events."""

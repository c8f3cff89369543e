"""The doors for one answer at a time: HTTP with server-sent events, and a WebSocket."""

"""Callers and workers for request and reply: by raw stubs, and by the SDK."""

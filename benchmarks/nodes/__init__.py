"""Events from one process to another by way of Redis: through cores, and by Redis itself."""

"""The Python SDK: agents that answer, and clients that publish, subscribe and invoke."""

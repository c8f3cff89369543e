"""The models: one protocol, one module for each provider, and the registry that finds them."""

"""The five agents and the model adapters, ordinary gRPC clients of the core."""

"""The five agents and the model adapters, ordinary gRPC clients of the core.

Nothing is imported here: every process reads the settings of all parts, and only one runs agents.
"""

"""The log in Redis or Valkey: the engine of a fleet, and of one machine that keeps its channels."""

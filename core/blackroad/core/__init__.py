"""The core: the gRPC process that keeps the log, the presence, the channels and the answers."""

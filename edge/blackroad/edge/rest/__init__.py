"""The HTTP routes: one gRPC call each."""

"""The gRPC door that all services share: who calls, what ends a call, and what is counted."""

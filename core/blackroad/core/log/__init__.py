"""The log: ordered, resumable channels of events. One protocol, one contract, several engines."""

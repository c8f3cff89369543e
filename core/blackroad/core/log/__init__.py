"""The log: ordered, resumable channels of events. One protocol, several engines, one contract suite."""

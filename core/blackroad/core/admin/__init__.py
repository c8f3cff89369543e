"""What operators see of a running node, and what they may do to it."""

"""The command `blackroad`."""

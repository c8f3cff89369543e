"""The generated messages and services of blackroad.wire.v1."""

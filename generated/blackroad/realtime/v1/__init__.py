"""The generated messages and services of blackroad.realtime.v1."""

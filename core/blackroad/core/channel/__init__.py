"""Channels: their policy, members, occupants and subscriptions."""

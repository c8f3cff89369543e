"""Presence: who is here, as what, and what they can do."""

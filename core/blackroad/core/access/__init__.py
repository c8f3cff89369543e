"""Tickets and revocations: AccessService."""

"""Tickets and revocations: to come; the rpcs say so."""

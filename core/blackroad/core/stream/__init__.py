"""Invocations and answers: who is asked, who answers, and what everyone sees of it."""

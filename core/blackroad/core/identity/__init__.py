"""Who a session speaks for, and what it may do."""

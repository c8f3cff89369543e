"""For tests of your own agents: `server` has a real one, `clock` one that a test sets on.

`plugin` makes them fixtures of pytest's. Nothing is imported here, so that a test run without them
pays nothing.
"""

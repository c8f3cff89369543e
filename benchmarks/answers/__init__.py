"""Models' answers: a stand-in for their provider, and those who view them."""

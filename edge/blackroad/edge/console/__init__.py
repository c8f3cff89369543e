"""The console: the page at `/`, and its files as clients/console builds them."""

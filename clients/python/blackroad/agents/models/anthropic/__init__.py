"""anthropic/<name>: models of Anthropic, or of a server that speaks as it does, by its SDK."""

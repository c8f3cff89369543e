"""OpenAI's words: chat completions and models, for clients that know nothing of this server."""

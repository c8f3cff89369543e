"""ollama/<name>: models of an Ollama that runs somewhere, through its SDK."""

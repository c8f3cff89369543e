"""The AI SDK's words: what `useChat` sends, and the UI message stream that it reads."""

"""The edge: the browser process that shows the core over WebSocket, SSE and HTTP."""

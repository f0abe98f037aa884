"""The live server: log lines over HTTP, as server-sent events, and over WebSocket."""

"""The HTTP API of notices."""

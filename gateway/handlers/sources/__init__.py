"""The HTTP API of sources."""

"""The HTTP API of destinations and sync jobs."""

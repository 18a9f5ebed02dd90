"""SQL of destinations and sync jobs."""

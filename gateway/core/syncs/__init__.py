"""Values and decisions of sync jobs."""

"""The HTTP API of cohorts and members."""

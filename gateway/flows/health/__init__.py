"""How the installation fares: checks, metrics, readiness, schema."""

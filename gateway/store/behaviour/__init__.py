"""SQL of rules."""

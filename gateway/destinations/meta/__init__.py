"""Facebook custom audiences."""

"""SQL of API keys, and of the sessions they open."""

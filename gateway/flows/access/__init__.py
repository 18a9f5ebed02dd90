"""What is done to API keys."""

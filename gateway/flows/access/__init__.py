"""What is done to API keys, and by them at the console's door."""

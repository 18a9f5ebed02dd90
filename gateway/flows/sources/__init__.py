"""What is done to sources."""

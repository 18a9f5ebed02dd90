"""SQL of processes, servers and their state."""

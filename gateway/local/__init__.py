"""The gateway on one machine: its own servers and the supervisor of its processes."""

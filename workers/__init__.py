"""RQ's half: processes that run the flows when the doorbell rings, or the clock does."""

"""RQ's half: processes that run the flows when they are woken up, or the clock says so."""

"""PostgreSQL, and what speaks its protocol and has its catalogue."""

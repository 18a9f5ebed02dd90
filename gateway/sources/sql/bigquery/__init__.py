"""BigQuery, which has jobs instead of sessions, and bills by the bytes that a query reads."""

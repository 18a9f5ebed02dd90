"""Benchmarks: what the gateway does in a second, beside what the database and HTTP allow here."""

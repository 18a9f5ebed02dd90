"""Snowflake, which is asked by HTTPS, and has a role and a warehouse for each session."""

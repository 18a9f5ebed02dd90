"""The only SQL: one noun per file, a `Connection` first, never a commit."""

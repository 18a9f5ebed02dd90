"""People and events: taken in, read, erased and pruned."""

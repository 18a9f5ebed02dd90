"""Foreign shapes, each turned into a `Page` by a file of its own."""

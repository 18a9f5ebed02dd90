"""HTTP in, one flow called, an answer out."""

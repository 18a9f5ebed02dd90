"""The pages for operators: readiness, metrics."""

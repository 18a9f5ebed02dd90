"""Destinations, and the jobs that keep them like cohorts."""

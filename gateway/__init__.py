"""Cohort Gateway: Mixpanel cohort syncs in, exact membership out."""

__version__ = "0.1.0"

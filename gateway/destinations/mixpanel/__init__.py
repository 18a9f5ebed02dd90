"""Mixpanel's cohort contract spoken outward, to any partner that gives out such a URL."""

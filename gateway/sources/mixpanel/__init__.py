"""Mixpanel's cohort sync to a custom webhook."""

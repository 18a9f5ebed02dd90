"""Mixpanel's webhook."""

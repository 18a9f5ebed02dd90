"""Plays Mixpanel against a gateway over HTTP, and judges what the gateway made of it."""

"""Braze: cohorts of a partner, or an array attribute of users.

`push.Push` is the adapter; `cohorts` and `attributes` are the two APIs that it can speak.
"""

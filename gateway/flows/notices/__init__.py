"""Notices: messages to people when something needs them, and when it is well again."""

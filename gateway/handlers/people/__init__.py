"""The API of people and events."""

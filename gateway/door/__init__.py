"""The gunicorn worker through which requests come in: a slow client never holds a thread."""

from gateway.door.worker import Door

__all__ = ["Door"]

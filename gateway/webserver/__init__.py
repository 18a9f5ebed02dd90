"""The gunicorn worker through which requests come in: a slow client never holds a thread."""

from gateway.webserver.worker import Door

__all__ = ["Door"]

"""Runs the whole gateway on one machine, as `make run` does, and stops all of it again."""

from gateway.local.supervisor.lifecycle import Programs, run

__all__ = ["Programs", "run"]

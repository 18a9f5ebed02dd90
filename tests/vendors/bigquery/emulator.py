"""Starts bqemulator without DuckDB's extension for geography, which it would download."""

from __future__ import annotations

from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine

if __name__ == "__main__":
    DuckDBEngine._load_spatial = lambda _: None  # noqa: SLF001 - there is no setting for it
    main()

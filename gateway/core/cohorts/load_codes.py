"""Codes of the conflicts that calls about loads and uploads end in."""

from __future__ import annotations

from typing import Final

LOAD_RUNNING: Final = "load_running"
WRONG_STATE: Final = "wrong_state"
NOT_A_LIST: Final = "not_a_list"
SOURCE_PAUSED: Final = "source_paused"
PART_MISSING: Final = "part_missing"
UPLOAD_TAKEN: Final = "upload_taken"

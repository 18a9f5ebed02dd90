"""The credentials that `make run` keeps in its data folder, as the other commands use them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from gateway import errors
from gateway.local.embedded import folder
from gateway.local.supervisor.credentials import FILE_NAME, Credentials

if TYPE_CHECKING:
    import pathlib

    from gateway.flows.sources.admin import Login
    from gateway.settings import Settings


def read(settings: Settings) -> Credentials | None:
    """Read them; None if none were made here. Raises errors.CommandFailed if they are spoiled."""
    path = _path(settings)
    try:
        return Credentials(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise errors.CommandFailed(
            f"the credentials kept in {path} cannot be used: correct the file, or remove it to have"
            " new ones made at the next start",
        ) from error


def keep(settings: Settings, login: Login) -> None:
    """Let the next start use a new login of the source `default`; nothing if none are kept.

    Without this it would put the old password back. Raises errors.CommandFailed.
    """
    found = read(settings)
    if found is not None:
        changed = dataclasses.replace(
            found, webhook_username=login.username, webhook_password=login.password
        )
        folder.write_private(
            _path(settings), f"{json.dumps(dataclasses.asdict(changed), indent=2)}\n"
        )


def _path(settings: Settings) -> pathlib.Path:
    return settings.data_dir.expanduser() / FILE_NAME

"""The key of the secrets of a first installation: made once, and kept for the owner only."""

import pathlib
import secrets

from gateway import errors
from gateway.local.embedded import folder

# A file of its own: its path is what GATEWAY_SECRET_KEY_FILE takes.
FILE_NAME = "secret-key"


def keep(data_dir: pathlib.Path) -> pathlib.Path:
    """Return the file of the key, which is made if there is none.

    A lost key makes every secret unreadable, so a file that is there is never replaced. Raises
    errors.LocalServerFailed if it cannot be written.
    """
    path = data_dir / FILE_NAME
    try:
        if not path.exists():
            folder.write_private(path, f"{secrets.token_urlsafe(48)}\n")
    except OSError as error:
        raise errors.LocalServerFailed(
            f"The key of the secrets cannot be kept in {path}: {error.strerror}.",
        ) from error
    return path

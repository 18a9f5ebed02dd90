"""The credentials of a first installation: made once, kept for the owner only, shown at a start."""

import enum
import json
import pathlib
import secrets
from dataclasses import asdict, dataclass, field, replace

from gateway import errors
from gateway.core.access import defaults
from gateway.local.embedded import folder
from gateway.settings import Settings

FILE_NAME = "credentials.json"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What Mixpanel signs in with, and a key with all scopes."""

    webhook_username: str
    webhook_password: str = field(repr=False)
    api_key: str = field(repr=False)

    def environ(self) -> dict[str, str]:
        """Return them as the settings that carry them."""
        return {
            "GATEWAY_WEBHOOK_USERNAME": self.webhook_username,
            "GATEWAY_WEBHOOK_PASSWORD": self.webhook_password,
            "GATEWAY_API_KEY": self.api_key,
        }


class Origin(enum.StrEnum):
    """Where a value comes from: settings, the file of an earlier start, or this start."""

    ENVIRONMENT = "environment"
    KEPT = "kept"
    MADE = "made"


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The credentials in force, and where the password and the key come from."""

    values: Credentials
    password_from: Origin
    key_from: Origin


def resolve(settings: Settings, data_dir: pathlib.Path) -> Resolved:
    """Return those of the settings, and for what they leave out those made at the first start.

    What comes from the settings is not written down. Raises errors.LocalServerFailed when the kept
    ones cannot be read.
    """
    kept = read(data_dir)
    return choose(settings, kept or _make(data_dir), otherwise=Origin.KEPT if kept else Origin.MADE)


def choose(settings: Settings, kept: Credentials, *, otherwise: Origin) -> Resolved:
    """Take each value from the settings or else from the file, which has one of two origins."""
    return Resolved(
        values=Credentials(
            webhook_username=settings.webhook_username or kept.webhook_username,
            webhook_password=settings.webhook_password or kept.webhook_password,
            api_key=settings.api_key or kept.api_key,
        ),
        password_from=Origin.ENVIRONMENT if settings.webhook_password else otherwise,
        key_from=Origin.ENVIRONMENT if settings.api_key else otherwise,
    )


def read(data_dir: pathlib.Path) -> Credentials | None:
    """Read the kept ones; None if none were made. Raises errors.LocalServerFailed if spoiled."""
    path = data_dir.expanduser() / FILE_NAME
    try:
        texts: dict[str, str] = json.loads(path.read_text("utf-8"))
        return Credentials(**{name: str(text) for name, text in texts.items()})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _unusable(path) from error


def replace_login(data_dir: pathlib.Path, *, username: str, password: str) -> None:
    """Let the next start use a new login of the source `default`; nothing if none are kept.

    Without this it would put the old password back. Raises errors.LocalServerFailed.
    """
    if found := read(data_dir):
        _write(data_dir, replace(found, webhook_username=username, webhook_password=password))


def _make(data_dir: pathlib.Path) -> Credentials:
    made = Credentials(
        webhook_username=defaults.USERNAME,
        webhook_password=secrets.token_urlsafe(24),
        api_key=secrets.token_urlsafe(32),
    )
    _write(data_dir, made)
    return made


def _write(data_dir: pathlib.Path, values: Credentials) -> None:
    path = data_dir.expanduser() / FILE_NAME
    try:
        folder.write_private(path, f"{json.dumps(asdict(values), indent=2)}\n")
    except OSError as error:
        raise _unusable(path) from error


def _unusable(path: pathlib.Path) -> errors.LocalServerFailed:
    return errors.LocalServerFailed(
        f"The credentials kept in {path} cannot be used. Correct the file, or remove it to have new"
        " ones made at the next start.",
    )

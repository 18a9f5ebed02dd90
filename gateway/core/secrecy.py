"""Secrets of sources and destinations: which are wrong, and where they may travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway import errors
from gateway.core import fields
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gateway.core.fields import Field


class Kind(Protocol):
    """A kind of source or destination; `carriers` decide where secrets travel, and how.

    A carrier within another field is named by its path, as `import.endpoint`.
    """

    @property
    def config(self) -> tuple[Field, ...]:
        """The fields it is set to."""

    @property
    def secrets(self) -> tuple[Field, ...]:
        """The fields that no answer shows."""

    @property
    def carriers(self) -> frozenset[str]:
        """The names of fields of the config."""


def faults(
    kind: Kind, config: Mapping[str, object], given: Mapping[str, object], *, whole: bool
) -> list[Fault]:
    """Tell all that is wrong with parts of a config and with secrets, or with the whole of them."""
    return [
        *fields.faults(kind.config, config, "config", whole=whole),
        *fields.faults(kind.secrets, given, "secrets", whole=whole),
    ]


def require(
    kind: Kind,
    before: Mapping[str, object],
    after: Mapping[str, object],
    *,
    kept: Sequence[str],
    given: Mapping[str, object],
) -> None:
    """Raise errors.SecretsNeeded if secrets that are kept would travel elsewhere from now on.

    Else a change of the host would send the password of one server to another.
    """
    was, becomes = (fields.shown(kind.config, one) for one in (before, after))
    moved = sorted(path for path in kind.carriers if _moves(was, becomes, path))
    missing = [name for name in kept if name not in given]
    if moved and missing:
        why = f"{', '.join(moved)} changes where this secret travels; send it again"
        raise errors.SecretsNeeded([Fault(f"secrets.{name}", why) for name in missing])


def lacking(
    needs: Mapping[str, str], config: Mapping[str, object], present: Collection[str]
) -> list[Fault]:
    """Tell of the secrets that are not there and are needed by a field that is set."""
    return [
        Fault(f"secrets.{secret}", f"is missing; config.{name} needs it")
        for name, secret in needs.items()
        if config.get(name) is not None and secret not in present
    ]


def _moves(was: Mapping[str, object], becomes: Mapping[str, object], path: str) -> bool:
    """Tell whether a carrier changes; one within a field that is null carries nothing."""
    name, _, rest = path.partition(".")
    if not rest:
        return was[name] != becomes[name]
    before, after = was[name], becomes[name]
    if not isinstance(after, dict):
        return False
    return not isinstance(before, dict) or _moves(before, after, rest)

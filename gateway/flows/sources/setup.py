"""What sources are set up with: their kinds, and the vault of their secrets."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway import errors, outbound, reach
from gateway.errors import Fault
from gateway.reach import Reach
from gateway.sources import kinds
from gateway.store.sources import secrets
from gateway.vault import Place, Vault

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from gateway.settings import Settings
    from gateway.sources.kinds import Kind
    from gateway.sources.sql.vendor import Vendor
    from gateway.store.sources.secrets import Sealed

TABLE: Final = "sources"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setup:
    """The kinds that can be made, what encrypts their secrets, and where databases may be."""

    kinds: Mapping[str, Kind] = dataclasses.field(default_factory=lambda: kinds.KINDS)
    vault: Vault = dataclasses.field(default_factory=lambda: Vault(()))
    reach: Reach = dataclasses.field(default_factory=Reach)
    query_seconds: float = 900.0
    query_rows: int = 20_000_000
    channels: Collection[str] = ()
    private_destinations: outbound.Networks = ()

    def vendor(self, kind: str) -> Vendor | None:
        """Return what databases of a kind are read by; None if sources of it are none."""
        known = self.kinds.get(kind)
        return None if known is None else known.vendor

    @classmethod
    def of(cls, settings: Settings) -> Setup:
        """Set up what an installation has; databases are not aimed at its own servers."""
        urls = (settings.database_url, settings.read_database_url, settings.redis_url)
        own = [one for url in urls for one in reach.owned(url)]
        return cls(
            vault=Vault(settings.secret_keys),
            reach=Reach(own=own, allow_local=settings.allow_local_sources),
            query_seconds=settings.query_seconds,
            query_rows=settings.query_rows,
            channels=settings.notify.keys(),
            private_destinations=settings.private_destinations,
        )

    def require(self, name: str) -> Kind:
        """Return a kind of which sources can be made here. Raises errors.Invalid."""
        kind = self.kinds.get(name)
        if kind is None:
            known = ", ".join(self.kinds)
            raise errors.Invalid([Fault("kind", f"there is no such kind; there are {known}")])
        if kind.reason is not None:
            raise errors.Invalid([Fault("kind", kind.reason)])
        return kind

    def unreadable(self, sealed: Sealed) -> errors.SecretUnreadable | None:
        """Say why a secret cannot be decrypted; None if it can."""
        try:
            self.vault.open(sealed.ciphertext, place(sealed.source_id, sealed.name))
        except errors.SecretUnreadable as error:
            return error
        return None


PLAIN: Final = Setup()


def place(source_id: int, name: str) -> Place:
    """Return where a secret of a source is kept."""
    return Place(table=TABLE, row=source_id, name=name)


def write_secrets(
    conn: Connection,
    setup: Setup,
    source_id: int,
    given: Mapping[str, Any],
    *,
    now: datetime.datetime,
) -> None:
    """Encrypt and keep secrets; null forgets one. Raises errors.NoSecretKey."""
    for name, secret in given.items():
        if secret is None:
            secrets.drop(conn, source_id, name)
        else:
            sealed = setup.vault.seal(secret, place(source_id, name))
            secrets.put(conn, source_id, name, sealed, now=now)

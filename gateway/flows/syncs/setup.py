"""What destinations are set up with: their kinds, the vault of their secrets, and the client."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, cast

from gateway import errors, outbound
from gateway.core import fields, moments
from gateway.destinations import kinds
from gateway.destinations.adapter import Account
from gateway.errors import Fault
from gateway.store.syncs import secrets
from gateway.vault import Place, Vault

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.destinations.adapter import Adapter, Client, Feed
    from gateway.destinations.kinds import Kind
    from gateway.outbound import Limits
    from gateway.settings import Settings
    from gateway.store.syncs.destinations import Listed
    from gateway.store.syncs.secrets import Sealed

TABLE: Final = "destinations"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setup:
    """The kinds that can be made, what encrypts their secrets, and what sends their requests."""

    kinds: Mapping[str, Kind] = dataclasses.field(default_factory=lambda: kinds.KINDS)
    vault: Vault = dataclasses.field(default_factory=lambda: Vault(()))
    client: Client = dataclasses.field(default_factory=outbound.Client)
    now: Callable[[], datetime.datetime] = moments.now
    channels: Collection[str] = ()

    def require(self, name: str) -> Kind:
        """Return a kind of which destinations can be made here. Raises errors.Invalid."""
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
            self.open(sealed)
        except errors.SecretUnreadable as error:
            return error
        return None

    def open(self, sealed: Sealed) -> str:
        """Decrypt a secret. Raises errors.SecretUnreadable."""
        return self.vault.open(sealed.ciphertext, place(sealed.destination_id, sealed.name))

    def account(self, found: Listed, sealed: Sequence[Sealed]) -> Account:
        """Decrypt the secrets of a destination for its adapter. Raises errors.SecretUnreadable."""
        kind = self.require(found.kind)
        return Account(
            config=fields.shown(kind.config, found.config),
            secrets={one.name: self.open(one) for one in sealed},
            client=self.client,
            now=self.now,
        )


def client(settings: Settings, limits: Limits) -> outbound.Client:
    """Make a client that sends to public addresses and to the networks of these settings."""
    allow = settings.private_destinations
    return outbound.Client(allow=allow, plain=allow, limits=limits)


def of_settings(settings: Settings, client: Client) -> Setup:
    """Set up what sends by these settings."""
    vault = Vault(settings.secret_keys)
    return Setup(vault=vault, client=client, channels=settings.notify.keys())


def place(destination_id: int, name: str) -> Place:
    """Return where a secret of a destination is kept."""
    return Place(table=TABLE, row=destination_id, name=name)


def write_secrets(
    conn: Connection,
    setup: Setup,
    destination_id: int,
    given: Mapping[str, Any],
    *,
    now: datetime.datetime,
) -> None:
    """Encrypt and keep secrets; null forgets one. Raises errors.NoSecretKey."""
    for name, secret in given.items():
        if secret is None:
            secrets.drop(conn, destination_id, name)
        else:
            sealed = setup.vault.seal(secret, place(destination_id, name))
            secrets.put(conn, destination_id, name, sealed, now=now)


def hide(text: str, hidden: Mapping[str, str]) -> str:
    """Take the values of secrets out of a text that a vendor or the system wrote."""
    for name, secret in hidden.items():
        if secret:
            text = text.replace(secret, f"[{name}]")
    return text


def adapter(kind: Kind, account: Account) -> Adapter:
    """Make the adapter of a kind that is kept by a ledger."""
    return cast("Adapter", kind.connect(account))


def feed(kind: Kind, account: Account) -> Feed:
    """Make what follows changes."""
    return cast("Feed", kind.connect(account))

"""What a source of Snowflake is set to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from gateway.core.fields import Field, Text
from gateway.sources.sql import pem, settings
from gateway.sources.sql.settings import Checked
from gateway.sources.sql.vendor import Vendor

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT: Final = 443
# The client connects by name; under these every name is Snowflake's own.
DOMAINS: Final = (".snowflakecomputing.com", ".snowflakecomputing.cn")
_LOCAL: Final = ("localhost", "127.0.0.1")
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}(\.[A-Za-z0-9_-]{1,63}){0,3}")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_PEM: Final = re.compile(
    r"\s*-----BEGIN (ENCRYPTED |RSA |EC )?PRIVATE KEY-----.+-----END [A-Z ]+-----\s*", re.DOTALL
)


def _account(text: str) -> str | None:
    is_one = _ACCOUNT.fullmatch(text) and not text.lower().endswith(DOMAINS)
    return None if is_one else "must be an account identifier like myorg-account1"


def _host(text: str) -> str | None:
    name = text.lower()
    if _HOST.fullmatch(name) and (name.endswith(DOMAINS) or name in _LOCAL):
        return None
    return f"must be a host of Snowflake, which ends with {DOMAINS[0]}"


def _key(text: str) -> str | None:
    if _PEM.fullmatch(text) is None:
        return "must be a private key as PEM"
    return None if "ENCRYPTED" in text else pem.wrong_key(text)


def _name(name: str, title: str, description: str, *, required: bool = False) -> Field:
    return Text(
        name=name,
        title=title,
        description=description,
        required=required,
        optional=not required,
    )


def place(config: Mapping[str, object]) -> tuple[str, int]:
    """Return the host and port that a config leads to; only tests know another port."""
    host = config.get("host") or f"{config['account']}{DOMAINS[0]}"
    return str(host).lower(), cast("int", config.get("port") or PORT)


VENDOR: Final = Vendor(
    kind="snowflake",
    title="Snowflake",
    config=(
        Checked(
            name="account",
            title="Account",
            description="The account identifier, such as myorg-account1.",
            required=True,
            wrong=_account,
            pattern=f"^({_ACCOUNT.pattern})$",
        ),
        _name("user", "User", "A user of type SERVICE of its own.", required=True),
        _name("warehouse", "Warehouse", "What computes; its time is what a read costs."),
        _name("role", "Role", "A role that may only SELECT; it alone is used."),
        _name("database", "Database", "Where names are looked for that a query does not qualify."),
        _name("schema", "Schema", "The schema of that database."),
        Checked(
            name="host",
            title="Host",
            description="Where it is not that of the account, as for a private link.",
            optional=True,
            wrong=_host,
        ),
    ),
    secrets=(
        Checked(
            name="private_key",
            title="Private key",
            description="Of the key pair of the user, as PEM; or a token instead.",
            secret=True,
            optional=True,
            max_characters=settings.MAX_PEM_CHARACTERS,
            wrong=_key,
        ),
        Text(
            name="private_key_passphrase",
            title="Passphrase",
            description="Of the private key, if it is encrypted.",
            secret=True,
            optional=True,
            max_characters=settings.MAX_PASSWORD_CHARACTERS,
        ),
        Text(
            name="token",
            title="Token",
            description="A programmatic access token of the user; or a private key instead.",
            secret=True,
            optional=True,
            max_characters=settings.MAX_PEM_CHARACTERS,
        ),
    ),
    carriers=frozenset({"account", "host"}),
    dialect="snowflake",
    driver="gateway.sources.sql.snowflake.driver",
    place=place,
    package="snowflake.connector",
)

"""What a source of PostgreSQL is set to."""

from __future__ import annotations

from typing import Final

from gateway.core.fields import Choice, Text, Whole
from gateway.sources.sql import pem, settings
from gateway.sources.sql.settings import Checked, Host
from gateway.sources.sql.vendor import Vendor, by_host

MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PORT: Final = 5432

HOST: Final = Host(
    name="host", title="Host", description="The name or address of the server, without a port."
)
DATABASE: Final = Text(
    name="database", title="Database", description="The database to connect to.", required=True
)
USER: Final = Text(
    name="user",
    title="User",
    description="A role of its own that may only SELECT; docs/databases.md has the SQL for it.",
    required=True,
)
SSLMODE: Final = Choice(
    name="sslmode",
    title="TLS",
    description="verify-full checks the certificate and its name; disable sends in the clear.",
    choices=MODES,
    default="verify-full",
)
ROOT_CERTIFICATE: Final = Checked(
    name="root_certificate",
    title="Root certificate",
    description="The authority of the server's certificate, as PEM; without it those that the"
    " system trusts.",
    optional=True,
    max_characters=settings.MAX_PEM_CHARACTERS,
    wrong=pem.wrong_certificate,
)
PASSWORD: Final = Text(
    name="password",
    title="Password",
    description="The password of the user.",
    secret=True,
    optional=True,
    max_characters=settings.MAX_PASSWORD_CHARACTERS,
)
SECRETS: Final = (
    PASSWORD,
    Checked(
        name="client_certificate",
        title="Client certificate",
        description="As PEM, where the server asks for one.",
        secret=True,
        optional=True,
        max_characters=settings.MAX_PEM_CHARACTERS,
        wrong=pem.wrong_certificate,
    ),
    Checked(
        name="client_key",
        title="Client key",
        description="The key of that certificate, as PEM without a passphrase.",
        secret=True,
        optional=True,
        max_characters=settings.MAX_PEM_CHARACTERS,
        wrong=pem.wrong_key,
    ),
)
CARRIERS: Final = frozenset({"host", "port", "sslmode", "root_certificate"})


def port(default: int) -> Whole:
    return Whole(
        name="port",
        title="Port",
        description="The port of the server.",
        least=1,
        most=settings.MAX_PORT,
        default=default,
    )


VENDOR: Final = Vendor(
    kind="postgresql",
    title="PostgreSQL",
    config=(HOST, port(PORT), DATABASE, USER, SSLMODE, ROOT_CERTIFICATE),
    secrets=SECRETS,
    carriers=CARRIERS,
    dialect="postgres",
    driver="gateway.sources.sql.postgresql.driver",
    place=by_host(PORT),
)

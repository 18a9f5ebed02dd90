"""What a source of Redshift is set to."""

from __future__ import annotations

from typing import Final

from gateway.sources.sql.postgresql import settings as postgresql
from gateway.sources.sql.vendor import Vendor, by_host

PORT: Final = 5439

VENDOR: Final = Vendor(
    kind="redshift",
    title="Amazon Redshift",
    config=(
        postgresql.HOST,
        postgresql.port(PORT),
        postgresql.DATABASE,
        postgresql.USER,
        postgresql.SSLMODE,
        postgresql.ROOT_CERTIFICATE,
    ),
    secrets=postgresql.SECRETS,
    carriers=postgresql.CARRIERS,
    dialect="redshift",
    driver="gateway.sources.sql.redshift.driver",
    place=by_host(PORT),
)

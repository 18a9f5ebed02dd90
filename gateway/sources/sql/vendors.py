"""The vendors of databases that there are, by the kind of their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.sources.sql.bigquery import settings as bigquery
from gateway.sources.sql.mysql import settings as mysql
from gateway.sources.sql.postgresql import settings as postgresql
from gateway.sources.sql.redshift import settings as redshift
from gateway.sources.sql.snowflake import settings as snowflake

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sources.sql.vendor import Vendor

VENDORS: Final[Mapping[str, Vendor]] = {
    one.kind: one
    for one in (
        postgresql.VENDOR,
        mysql.VENDOR,
        redshift.VENDOR,
        bigquery.VENDOR,
        snowflake.VENDOR,
    )
}

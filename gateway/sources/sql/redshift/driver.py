"""Sessions with Redshift: those of PostgreSQL, with statements that Redshift knows.

https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-and-postgres-sql.html
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Final, cast

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql.postgresql import driver, greeting
from gateway.sources.sql.postgresql.driver import Flavor, PostgresSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.sql.session import Row, Target

# Needs the client library of Amazon.
_IAM: Final = "gateway.sources.sql.redshift.iam"

# A superuser has every other power, so it is told alone.
_POWERS: Final = """
    SELECT CASE WHEN u.usesuper THEN 'it is a superuser' ELSE 'it may create databases' END
    FROM pg_user u WHERE u.usename = current_user AND (u.usesuper OR u.usecreatedb)
    UNION ALL
    SELECT 'it owns ' || min(n.nspname || '.' || c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_user u ON u.usesysid = c.relowner
    WHERE u.usename = current_user AND NOT u.usesuper AND c.relkind IN ('r', 'v')
    HAVING count(*) > 0
    UNION ALL
    SELECT 'it may write ' || min(n.nspname || '.' || c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_user u ON u.usename = current_user
    WHERE NOT u.usesuper AND c.relkind IN ('r', 'v')
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
      AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
           OR has_table_privilege(c.oid, 'DELETE'))
    HAVING count(*) > 0
    UNION ALL
    SELECT 'it may create tables in ' || min(n.nspname)
    FROM pg_namespace n JOIN pg_user u ON u.usename = current_user
    WHERE NOT u.usesuper AND n.nspname NOT LIKE 'pg\\_%%'
      AND has_schema_privilege(n.oid, 'CREATE')
    HAVING count(*) > 0
"""

_ROWS: Final = re.compile(r"\brows=(\d+)")


def _planned_rows(plan: Sequence[Row]) -> int | None:
    found = _ROWS.search(str(plan[0][0])) if plan else None
    return int(found[1]) if found else None


FLAVOR: Final = Flavor(
    prepare=(
        "SET statement_timeout TO %(limit)s",
        "SET timezone TO 'UTC'",
        "SET datestyle TO 'ISO, YMD'",
    ),
    declare="DECLARE members CURSOR FOR ",
    explain="EXPLAIN ",
    planned_rows=_planned_rows,
    powers=_POWERS,
)


def greet(target: Target, addresses: Sequence[str]) -> None:
    """Connect without signing in."""
    greeting.greet(target, addresses, port=target.config["port"])


def connect(target: Target, addresses: Sequence[str]) -> PostgresSession:
    """Sign in, to read only, by a password or an access key. Raises errors.ReadFailed."""
    by_key = bool(target.secrets.get("access_key_id"))
    return driver.sign_in(_by_iam(target) if by_key else target, addresses, FLAVOR)


def _by_iam(target: Target) -> Target:
    try:
        iam = importlib.import_module(_IAM)
    except ModuleNotFoundError as error:
        message = (
            f"the Python package {error.name} is not installed: run"
            " `pip install -r requirements-redshift.txt`, and restart the gateway"
        )
        raise errors.ReadFailed(Failure.DRIVER_MISSING, message, hint="Install it.") from error
    return cast("Target", iam.signed_in(target))

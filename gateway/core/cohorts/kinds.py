"""Kinds of sources that have rules of their own for cohorts."""

from typing import Final

MIXPANEL: Final = "mixpanel"
LIST: Final = "list"
# Those of which cohorts are read by loads of what their definition says.
DATABASES: Final = frozenset({"postgresql", "mysql", "redshift", "bigquery", "snowflake"})

"""Kinds of sources that have rules of their own for cohorts."""

from typing import Final

MIXPANEL: Final = "mixpanel"
LIST: Final = "list"
PEOPLE: Final = "people"
DATABASES: Final = frozenset({"postgresql", "mysql", "redshift", "bigquery", "snowflake"})
# Those of which cohorts are read by loads of what their definition says.
DEFINED: Final = DATABASES | {PEOPLE}

"""Kinds of sources that have rules of their own for cohorts."""

from typing import Final

MIXPANEL: Final = "mixpanel"
LIST: Final = "list"

"""The kind of source that people and events are posted to, and the one that is always there."""

from typing import Final

from gateway.core.cohorts import kinds

KIND: Final = kinds.PEOPLE
BUILT_IN: Final = "people"

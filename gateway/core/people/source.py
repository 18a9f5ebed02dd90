"""The kind of source that people and events are posted to, and the one that is always there."""

from typing import Final

KIND: Final = "people"
BUILT_IN: Final = "people"

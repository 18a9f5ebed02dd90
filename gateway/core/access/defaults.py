"""Names of what `bootstrap` makes: the source, its login, and the API key."""

from typing import Final

SLUG: Final = "default"
USERNAME: Final = "mixpanel"
KEY_NAME: Final = "environment"

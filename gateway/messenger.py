"""Messages to people: the one place that knows Apprise, which speaks to mail and chat services."""

from __future__ import annotations

import functools
import pkgutil
from typing import Any, Final

from gateway import errors

TITLE: Final = "Cohort Gateway"


class NotTaken(errors.GatewayError):
    """A channel did not take a message; its text does not show the address."""

    code = "not_taken"


def post(url: str, text: str) -> None:
    """Send a text to one address. Raises NotTaken."""
    apprise, asset = _loaded()
    made = apprise.Apprise(asset=asset)
    if not made.add(url):
        raise NotTaken("GATEWAY_NOTIFY has no address for this channel that Apprise knows")
    if not made.notify(body=text, title=TITLE, body_format=apprise.NotifyFormat.TEXT):
        raise NotTaken("the service of this channel did not take the message")


@functools.cache
def _loaded() -> tuple[Any, Any]:
    """Load Apprise when the first message is sent: it takes 44 MB and a second or two."""
    apprise: Any = pkgutil.resolve_name("apprise")
    asset = apprise.AppriseAsset(app_id=TITLE, app_desc=TITLE, async_mode=False)
    return apprise, asset

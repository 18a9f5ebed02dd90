"""An array attribute of Braze's users that has the cohorts that they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.destinations.braze.requests import Post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.destinations.adapter import Account, Row, Sent, Target

# Objects of all kinds that a request may have together.
MAX_OBJECTS: Final = 75
IDENTIFIERS: Final = ("external_id", "alias", "email")


class Attributes:
    """Writes requests of `/users/track`."""

    identifiers = IDENTIFIERS

    def __init__(self, account: Account) -> None:
        self._attribute = str(account.config["attribute"])
        self._label = account.config.get("alias_label")
        self._headers = {"authorization": f"Bearer {account.secrets.get('api_key', '')}"}

    def probe(self) -> Post:
        """Write a request that can change nothing: it names no user."""
        return self._track([])

    def change(self, target: Target, rows: Sequence[Row], *, remove: bool) -> Post:
        """Write a request that adds a cohort to users, or removes it from them."""
        change = {"remove" if remove else "add": [target.audience]}
        return self._track(
            [
                # Users that Braze does not know stay unknown.
                {**self._user(row.sent), "_update_existing_only": True, self._attribute: change}
                for row in rows
            ]
        )

    def _track(self, attributes: Sequence[object]) -> Post:
        return Post(
            path="/users/track", body={"attributes": list(attributes)}, headers=self._headers
        )

    def _user(self, sent: Sent) -> dict[str, object]:
        if "alias" in sent:
            alias = {"alias_name": sent["alias"], "alias_label": self._label}
            return {"user_alias": alias}
        return {name: sent[name] for name in ("external_id", "email") if name in sent}

"""The cohort import of Braze's partners: names and changes of cohorts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gateway.destinations.braze.requests import Post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.destinations.adapter import Account, Row, Sent, Target

# All kinds of ids of a request count together, so that a row carries one.
MAX_IDS: Final = 1000
IDENTIFIERS: Final = ("external_id", "alias", "device_id")


class Cohorts:
    """Writes requests of the cohort import."""

    identifiers = IDENTIFIERS

    def __init__(self, account: Account) -> None:
        self._path = f"/partners/{quote(str(account.config['partner']), safe='')}/cohorts"
        self._label = account.config.get("alias_label")
        # They travel in the body, as Braze wants it.
        self._keys = {
            "partner_api_key": account.secrets.get("partner_api_key", ""),
            "client_secret": account.secrets.get("client_secret", ""),
        }

    def probe(self) -> Post:
        """Write a request that can change nothing: it names no cohort."""
        return Post(path=f"{self._path}/users", body={**self._keys, "cohort_changes": []})

    def name(self, target: Target, name: str) -> Post:
        """Write a request that names a cohort."""
        about = {
            "cohort_id": target.cohort.id,
            "name": name,
            "created_at": target.cohort.created_at.isoformat(timespec="seconds"),
        }
        return Post(path=self._path, body={**self._keys, **about})

    def change(self, target: Target, rows: Sequence[Row], *, remove: bool) -> Post:
        """Write a request that changes the members of a cohort."""
        changes: dict[str, object] = {
            "user_ids": [one for row in rows if (one := row.sent.get("external_id"))],
            "device_ids": [one for row in rows if (one := row.sent.get("device_id"))],
            "aliases": [self._alias(row.sent) for row in rows if row.sent.get("alias")],
        }
        change = {name: ids for name, ids in changes.items() if ids}
        change |= {"should_remove": True} if remove else {}
        body = {**self._keys, "cohort_id": target.audience, "cohort_changes": [change]}
        return Post(path=f"{self._path}/users", body=body)

    def _alias(self, sent: Sent) -> dict[str, object]:
        return {"alias_name": sent["alias"], "alias_label": self._label}

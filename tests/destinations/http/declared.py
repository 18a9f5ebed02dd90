"""The smallest declarations, and their requests as they arrive."""

from __future__ import annotations

from typing import Any

from gateway.destinations.adapter import Account
from gateway.destinations.http import settings
from gateway.destinations.http.push import Push
from tests.destinations import servers
from tests.destinations.servers import Said, Scripted

ROWS = servers.batch({"id": "a", "n": 1}, {"id": "b"})
IDS: dict[str, Any] = {"any_of": ["id"]}


def declared(add: dict[str, Any], **more: object) -> dict[str, Any]:
    operation = {"method": "POST", "path": "/add", **add}
    return {"identifier": IDS, "ops": {"add": operation}, **more}


def connect(account: Account) -> Push:
    push = settings.connect(account)
    assert isinstance(push, Push)
    return push


def sent(config: dict[str, Any], secrets: dict[str, str] | None = None) -> servers.Asked:
    """Send two rows, and return what came."""
    vendor = Scripted(Said())
    with servers.account(vendor, config, secrets) as account:
        assert list(settings.faults_of(account.config)) == []
        connect(account).add(servers.target("id"), ROWS)
    (asked,) = vendor.asked
    return asked


BODY = {"body": {"m": "{{members}}"}, "item": "{{member.id}}"}

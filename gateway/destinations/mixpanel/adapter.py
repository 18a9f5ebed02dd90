"""Pages of members and of changes, as Mixpanel sends them to its partners."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from gateway.core.fields import Field, Text, Url
from gateway.destinations import settings
from gateway.destinations.adapter import Adapter
from gateway.destinations.answers import Audience, Check, Done, Later, Split, Stop, StopCode
from gateway.destinations.facts import Facts, Identifier, Limits, Replaces, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.destinations.adapter import Account, Batch, Target
    from gateway.destinations.answers import Answer
    from gateway.outbound import Answer as Received

_ID: Final = "distinct_id"
_MOST_MEMBERS: Final = 1000

CONFIG: Final[tuple[Field, ...]] = (
    Url(
        name="url",
        title="URL",
        description="The webhook URL that the partner gives out.",
        required=True,
    ),
    Url(
        name="endpoint",
        title="Endpoint",
        description="Scheme, host and port to use in place of those of the URL, as for a proxy.",
        optional=True,
    ),
    Text(name="username", title="User name", description="Of the webhook.", optional=True),
    Text(
        name="project_id",
        title="Project",
        description="What is sent as `mixpanel_project_id`.",
        default="1",
    ),
    settings.CONCURRENCY,
)
SECRETS: Final[tuple[Field, ...]] = (
    Text(
        name="password",
        title="Password",
        description="Of the webhook.",
        optional=True,
        secret=True,
    ),
)
CARRIERS: Final = frozenset({"url", "endpoint"})
FACTS: Final = Facts(
    identifiers=(
        Identifier(name=_ID, title="Distinct id", description="Sent as `mixpanel_distinct_id`."),
        Identifier(name="email", title="E-mail"),
        Identifier(name="first_name", title="First name"),
        Identifier(name="last_name", title="Last name"),
        Identifier(name="phone_number", title="Phone"),
    ),
    matching=(frozenset({_ID}),),
    others=True,
    limits=Limits(members=_MOST_MEMBERS),
    effects=("the first run and a resync replace the whole cohort there",),
    status=Status.TRIED,
    replaces=Replaces.FIRST,
)


class Mixpanel(Adapter):
    """Speaks the contract of one webhook URL."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._url = _address(account.config)
        self._headers = {"Content-Type": "application/json"}
        name, password = account.config["username"], account.secrets.get("password")
        if name is not None or password is not None:
            login = base64.b64encode(f"{name or ''}:{password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"

    def verify(self) -> Iterator[Check]:
        """Post what is no page: a partner looks at the credentials before it refuses that."""
        answer = self._post({})
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            message = f"the partner answers {answer.status}; correct user name and password"
            yield Check(step="sign_in", ok=False, message=message)
            return
        good = answer.status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST)
        said = "" if good else f"the partner answers {answer.status}; correct the URL"
        yield Check(step="sign_in", ok=good, message=said)

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Mapping[str, object]:
        """Keep what there is; an id is a text."""
        del target
        return {name: str(value) if name == _ID else value for name, value in raw.items()}

    def find(self, target: Target) -> Audience:
        """Name the cohort, which any page creates."""
        return Audience(id=target.cohort.id, name=target.cohort.name)

    def create(self, target: Target) -> Audience:
        """Name the cohort, which any page creates."""
        return self.find(target)

    def add(self, target: Target, batch: Batch) -> Answer:
        return self._page("add_members", target, batch)

    def remove(self, target: Target, batch: Batch) -> Answer:
        return self._page("remove_members", target, batch)

    def replace(self, target: Target, batch: Batch) -> Answer:
        """Send a page of a full refresh."""
        return self._page("members", target, batch)

    def _page(self, action: str, target: Target, batch: Batch) -> Answer:
        parameters = {
            "mixpanel_project_id": self._account.config["project_id"],
            "mixpanel_cohort_id": target.cohort.id,
            "mixpanel_cohort_name": target.cohort.name,
            "mixpanel_cohort_description": target.cohort.description or "",
            "mixpanel_session_id": f"{batch.session:016x}",
            "page_info": {"total_pages": batch.total, "page_count": batch.number},
            "members": [_member(one.sent) for one in batch.rows],
        }
        return self._judged(self._post({"action": action, "parameters": parameters}))

    def _post(self, body: object) -> Received:
        raw = orjson.dumps(body)
        return self._account.client.request("POST", self._url, headers=self._headers, body=raw)

    def _judged(self, answer: Received) -> Answer:
        """Tell what a status means: what pauses a sync of Mixpanel's stops the job."""
        said = f"the partner answers {answer.status}: {_said(answer)}"
        if answer.status == HTTPStatus.OK:
            failed = _parsed(answer).get("status") == "failure"
            return Later(message=said) if failed else Done()
        if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Split(message=said)
        code = _STOPS.get(answer.status)
        if code is not None:
            return Stop(code=code, message=said)
        seconds = settings.retry_after(answer.headers, now=self._account.now())
        return Later(message=said, after_seconds=seconds)


_STOPS: Final = {
    400: StopCode.REFUSED,
    401: StopCode.CREDENTIALS,
    403: StopCode.PERMISSION,
    404: StopCode.AUDIENCE_DELETED,
}


def _member(sent: Mapping[str, object]) -> dict[str, object]:
    return {"mixpanel_distinct_id" if name == _ID else name: one for name, one in sent.items()}


def _address(config: Mapping[str, object]) -> str:
    """Return the URL, at the endpoint if one is set."""
    url, endpoint = str(config["url"]), config["endpoint"]
    if endpoint is None:
        return url
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{str(endpoint).rstrip('/')}{parts.path}{query}"


def _parsed(answer: Received) -> Mapping[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(answer: Received) -> str:
    error = _parsed(answer).get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or answer.body[:300].decode("utf-8", "replace"))

"""How requests are signed in, with tokens of OAuth 2 kept until they expire."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson

from gateway.destinations import replies
from gateway.destinations.answers import Later, Stop, StopCode
from gateway.destinations.http import values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.destinations.adapter import Client
    from gateway.destinations.http.declaration import Auth
    from gateway.destinations.http.templates import Fill, Scope
    from gateway.outbound import Answer

# A token is renewed this long before it ends: a request with it may take as long.
_EARLY_SECONDS: Final = 60.0
_DEFAULT_SECONDS: Final = 3600.0
_REFUSED: Final = range(400, 500)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signature:
    """What signing in adds to a request."""

    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    query: str = ""
    body: Mapping[str, object] = dataclasses.field(default_factory=dict)


class Signer:
    """Signs requests in; threads share one, and so a token."""

    def __init__(
        self,
        auth: Auth,
        scope: Scope,
        *,
        client: Client,
        token_url: str,
        now: Callable[[], datetime.datetime],
    ) -> None:
        """`scope` has the settings, secrets among them; `token_url` is filled."""
        self._auth = auth
        self._scope = scope
        self._client = client
        self._token_url = token_url
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._until: datetime.datetime | None = None

    @property
    def has_tokens(self) -> bool:
        """Whether there is a token that can be asked for anew."""
        return self._auth.type == "oauth2_client"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show, beside the secrets of the operator."""
        return (self._token,) if self._token else ()

    def forget(self) -> None:
        """Ask for a new token next time: the vendor does not take this one any more."""
        with self._lock:
            self._until = None

    def sign(self) -> Signature | Later | Stop:
        """Return what to add to a request. Raises errors.Outbound."""
        auth = self._auth
        match auth.type:
            case "query":
                return Signature(query=urlencode(self._values()))
            case "body":
                return Signature(body=self._values())
            case "header":
                return _headers({name: auth.prefix + one for name, one in self._values().items()})
            case "none":
                return Signature()
            case _:
                return self._authorization()

    def _authorization(self) -> Signature | Later | Stop:
        auth = self._auth
        if auth.type == "basic":
            pair = f"{self._text(auth.user)}:{self._text(auth.password)}".encode()
            return _headers({"authorization": f"Basic {base64.b64encode(pair).decode()}"})
        token = self._text(auth.token) if auth.type == "bearer" else self._current()
        if not isinstance(token, str):
            return token
        return _headers({"authorization": f"Bearer {token}"})

    def _text(self, fill: Fill | None) -> str:
        return values.text(fill(self._scope)) or "" if fill else ""

    def _values(self) -> dict[str, str]:
        return {name: self._text(fill) for name, fill in self._auth.values.items()}

    def _current(self) -> str | Later | Stop:
        with self._lock:
            if self._until is None or self._now() >= self._until:
                return self._renew()
            return self._token

    def _renew(self) -> str | Later | Stop:
        answer = self._ask()
        secrets = [self._text(self._auth.client_secret)]
        body = replies.json_of(answer)
        token = values.at(body, self._auth.token_path)
        if answer.status in range(200, 300) and isinstance(token, str) and token:
            seconds = values.at(body, self._auth.expires_path)
            lasts = float(seconds) if isinstance(seconds, int | float) else _DEFAULT_SECONDS
            self._token = token
            # Twice an hour costs nothing, and a clock that runs ahead of ours is not noticed.
            self._until = self._now() + datetime.timedelta(
                seconds=max(lasts - _EARLY_SECONDS, lasts / 2)
            )
            return token
        said = f"no token: {replies.message_of(answer, secrets)}"
        if answer.status in _REFUSED and answer.status not in (408, 425, 429):
            return Stop(code=StopCode.CREDENTIALS, message=said)
        after = replies.retry_after(answer.headers, self._now())
        return Later(message=said, after_seconds=after, for_all=True)

    def _ask(self) -> Answer:
        auth = self._auth
        client_id, secret = self._text(auth.client_id), self._text(auth.client_secret)
        asked = {"grant_type": "client_credentials"} | ({"scope": auth.scope} if auth.scope else {})
        headers = {"accept": "application/json"}
        if auth.style == "basic":
            pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
            headers["authorization"] = f"Basic {pair}"
        else:
            asked |= {"client_id": client_id, "client_secret": secret}
        if auth.style == "query":
            return self._client.request(
                "GET", f"{self._token_url}?{urlencode(asked)}", headers=headers
            )
        is_json = auth.style == "json"
        headers["content-type"] = (
            "application/json" if is_json else "application/x-www-form-urlencoded"
        )
        body = orjson.dumps(asked) if is_json else urlencode(asked).encode()
        return self._client.request("POST", self._token_url, headers=headers, body=body)


def _headers(headers: Mapping[str, str]) -> Signature | Stop:
    """Refuse what no header can carry, such as a secret that was pasted with a line end."""
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable():
            message = f"the header {name} would have characters that no header can have"
            return Stop(code=StopCode.CREDENTIALS, message=message)
    return Signature(headers={name.lower(): value for name, value in headers.items()})

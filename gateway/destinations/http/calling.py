"""Requests of a declaration, written and sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson

from gateway.destinations.answers import Later, Stop, StopCode
from gateway.destinations.http import addresses, values
from gateway.destinations.http.signing import Signer
from gateway.destinations.http.templates import Scope, Unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.destinations.adapter import Account
    from gateway.destinations.http.declaration import Declaration, Request
    from gateway.outbound import Answer

JSON: Final = "application/json"
CSV: Final = "text/csv; charset=utf-8"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """A request that is ready to be sent, but for what signs it in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: object
    has_body: bool

    def encoded(self, extra: Mapping[str, object]) -> bytes | None:
        """Encode the body, with what signs in. Raises Unfit for what JSON cannot say."""
        if not self.has_body and not extra:
            return None
        if isinstance(self.body, str):
            return self.body.encode("utf-8", "replace")
        body = self.body if self.has_body else {}
        if extra and isinstance(body, dict):
            body = dict(body)
            for path, value in extra.items():
                values.put(body, path, value)
        try:
            return orjson.dumps(body)
        except orjson.JSONEncodeError as error:
            raise Unfit("body") from error


class Caller:
    """Sends requests to the address of one destination."""

    def __init__(
        self,
        declaration: Declaration,
        account: Account,
        settings: Mapping[str, object],
        endpoint: str | None,
    ) -> None:
        """`settings` has values by key, secret ones as well. Raises Unfit for an unsafe host."""
        self._account = account
        self.now = account.now
        secret = {one.key for one in declaration.settings if one.secret}
        self.public = {key: value for key, value in settings.items() if key not in secret}
        hidden = {key: value for key, value in settings.items() if key in secret}
        self._all = Scope(names={"settings": settings, "secrets": hidden})
        given = (endpoint or "").rstrip("/")
        self._base = given or addresses.base(declaration.base_url, self.public)
        auth = declaration.auth
        token_url = addresses.token_url(
            auth.token_url, self.public, base_url=self._base, endpoint=given
        )
        self._signer = Signer(
            auth, self._all, client=account.client, token_url=token_url, now=account.now
        )

    @property
    def secrets(self) -> list[str]:
        """What no message may show."""
        return [*self._account.secrets.values(), *self._signer.secrets]

    @property
    def has_tokens(self) -> bool:
        """Whether there is a token that can be asked for anew."""
        return self._signer.has_tokens

    def write(self, request: Request, scope: Scope) -> Written:
        """Fill a request. Raises Unfit."""
        body = request.body(scope) if request.body is not None else None
        return Written(
            method=request.method,
            path=request.path.fill(scope),
            query=request.query(scope),
            headers={
                name: plain
                for name, fill in request.headers.items()
                if (plain := values.text(fill(self._all))) is not None
            },
            body=body,
            has_body=request.body is not None and body is not values.MISSING,
        )

    def send(self, written: Written, *, again: bool = False) -> Answer | Later | Stop:
        """Sign in and send; `again` with a new token. Raises errors.Outbound and Unfit."""
        if again:
            self._signer.forget()
        signature = self._signer.sign()
        if isinstance(signature, Later | Stop):
            return signature
        body = written.encoded(signature.body)
        query = "&".join(filter(None, (written.query, signature.query)))
        kind = CSV if isinstance(written.body, str) else JSON
        headers = {"accept": JSON, **({} if body is None else {"content-type": kind})}
        return self._account.client.request(
            written.method,
            f"{self._base}{written.path}{'?' if query else ''}{query}",
            headers={**headers, **written.headers, **signature.headers},
            body=body,
        )

    def sign_in(self) -> Later | Stop | None:
        """Prove what signs in, as far as that can be told without a request of the API."""
        signature = self._signer.sign()
        return signature if isinstance(signature, Later | Stop) else None

    def call(
        self, request: Request, scope: Scope, more: Mapping[str, object] | None = None
    ) -> Answer | Later | Stop:
        """Send a request that tells of no member, with a new token where the old is refused.

        `more` are parameters of the query that page through a list. Raises errors.Outbound.
        """
        try:
            written = self.write(request, scope)
            if more:
                query = "&".join(filter(None, (written.query, urlencode(more))))
                written = dataclasses.replace(written, query=query)
            answer = self.send(written)
            if self.has_tokens and not isinstance(answer, Later | Stop) and answer.status == 401:  # noqa: PLR2004 - unauthorised
                answer = self.send(written, again=True)
        except Unfit as error:
            message = f"{error.place} has no value that can stand in a request"
            return Stop(code=StopCode.CONFIGURATION, message=message)
        return answer

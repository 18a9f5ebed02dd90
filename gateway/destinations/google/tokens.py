"""Access tokens of Google, for a person's consent or for a service account."""

from __future__ import annotations

import base64
import datetime
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.destinations import replies
from gateway.destinations.answers import Later, Stop, StopCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.destinations.adapter import Client
    from gateway.outbound import Answer

ENDPOINT: Final = "https://oauth2.googleapis.com/token"
SCOPE: Final = "https://www.googleapis.com/auth/datamanager"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EARLY: Final = datetime.timedelta(seconds=60)
_LIFE_SECONDS: Final = 3600
_LATER: Final = frozenset({408, 425, 429})


class Unreadable(ValueError):
    """The key of a service account is none."""


class Tokens:
    """Asks for tokens, and keeps one until it ends; threads share it."""

    def __init__(
        self,
        secrets: Mapping[str, str],
        *,
        url: str,
        client: Client,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._secrets = secrets
        self._url = url
        self._client = client
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._until: datetime.datetime | None = None

    @property
    def secrets(self) -> list[str]:
        """What no message may show."""
        return [one for one in (*self._secrets.values(), self._token) if one]

    def forget(self, token: str) -> None:
        """Ask for another next time, if this is still the one that is kept."""
        with self._lock:
            if token == self._token:
                self._until = None

    def get(self) -> str | Later | Stop:
        """Return a token. Raises errors.Outbound."""
        with self._lock:
            if self._until is not None and self._now() < self._until:
                return self._token
            try:
                answer = self._ask()
            except Unreadable as error:
                return Stop(code=StopCode.CREDENTIALS, message=str(error))
            return self._taken(answer)

    def _taken(self, answer: Answer) -> str | Later | Stop:
        body = replies.json_of(answer)
        token = body.get("access_token") if isinstance(body, dict) else None
        if answer.status in range(200, 300) and isinstance(token, str) and isinstance(body, dict):
            lasts = body.get("expires_in")
            seconds = lasts if isinstance(lasts, int | float) else _LIFE_SECONDS
            life = datetime.timedelta(seconds=seconds)
            self._token = token
            self._until = self._now() + max(life - _EARLY, life / 2)
            return token
        said = f"no token: {replies.message_of(answer, self.secrets)}"
        if answer.status in range(400, 500) and answer.status not in _LATER:
            return Stop(code=StopCode.CREDENTIALS, message=said)
        after = replies.retry_after(answer.headers, self._now())
        return Later(message=said, after_seconds=after, for_all=True)

    def _ask(self) -> Answer:
        account = self._secrets.get("service_account")
        if account:
            asked = {"grant_type": _GRANT, "assertion": assertion(account, self._now())}
        else:
            asked = {
                "grant_type": "refresh_token",
                "client_id": self._secrets.get("client_id", ""),
                "client_secret": self._secrets.get("client_secret", ""),
                "refresh_token": self._secrets.get("refresh_token", ""),
            }
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        return self._client.request(
            "POST", self._url, headers=headers, body=urlencode(asked).encode()
        )


def assertion(account: str, now: datetime.datetime) -> str:
    """Sign what a service account says of itself. Raises Unreadable."""
    try:
        known: dict[str, Any] = orjson.loads(account)
        key = serialization.load_pem_private_key(known["private_key"].encode(), password=None)
        head = {"alg": "RS256", "typ": "JWT", "kid": known.get("private_key_id", "")}
        about = {"iss": known["client_email"], "scope": SCOPE, "aud": ENDPOINT}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = "service_account must be the JSON key of a service account"
        raise Unreadable(message) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Unreadable("the key of the service account must be one of RSA")
    issued = int(now.timestamp())
    claims = {**about, "iat": issued, "exp": issued + _LIFE_SECONDS}
    signed = f"{_encoded(orjson.dumps(head))}.{_encoded(orjson.dumps(claims))}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_encoded(signature)}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

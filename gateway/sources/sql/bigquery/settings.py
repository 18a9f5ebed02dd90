"""What a source of BigQuery is set to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.core.fields import Whole
from gateway.sources.sql.settings import Checked
from gateway.sources.sql.vendor import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENDPOINT: Final = "https://bigquery.googleapis.com"
# Where the key of a service account may be used for a token; another server could ask for more.
TOKEN_URIS: Final = (
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
)
MAX_BYTES: Final = 10**15
_PORTS: Final = {"https": 443, "http": 80}
_ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?")
_DATASET: Final = re.compile(r"(([a-z0-9.-]+:)?[a-z0-9-]+\.)?[A-Za-z0-9_]{1,255}")
_LOCATION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PROJECT: Final = re.compile(r"[a-z0-9.:-]{1,100}")
_LOCAL: Final = ("localhost", "127.0.0.1")


def _endpoint(text: str) -> str | None:
    wrong = f"must be an address like {ENDPOINT}, without a path"
    if _ENDPOINT.fullmatch(text) is None:
        return wrong
    parts = urlsplit(text)
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        return "must begin with https: a token would be sent in the clear"
    return None if int(parts.netloc.partition(":")[2] or 1) in range(1, 65_536) else wrong


def _like(pattern: re.Pattern[str], example: str) -> Callable[[str], str | None]:
    return lambda text: None if pattern.fullmatch(text) else f"must be of a form like {example}"


def _account(text: str) -> str | None:
    """Say what is wrong with the key of a service account."""
    wrong = "must be the JSON key of a service account, as Google gave it"
    try:
        known = json.loads(text)
        key = serialization.load_pem_private_key(known["private_key"].encode(), password=None)
        is_whole = known["type"] == "service_account" and type(known["client_email"]) is str
        token_uri = known["token_uri"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return wrong
    if not is_whole or not isinstance(key, rsa.RSAPrivateKey):
        return wrong
    if token_uri not in TOKEN_URIS:
        return f"its token_uri must be {TOKEN_URIS[0]}"
    return None


def place(config: Mapping[str, object]) -> tuple[str, int]:
    """Return the host and port that a config leads to."""
    parts = urlsplit(str(config.get("endpoint") or ENDPOINT))
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


VENDOR: Final = Vendor(
    kind="bigquery",
    title="Google BigQuery",
    config=(
        Checked(
            name="project",
            title="Project",
            description="The id of the project in which queries run, and which pays for them.",
            required=True,
            wrong=_like(_PROJECT, "my-project-123"),
            pattern=f"^({_PROJECT.pattern})$",
        ),
        Checked(
            name="location",
            title="Location",
            description="Where the data is, such as EU or europe-west3; without it BigQuery finds"
            " out.",
            optional=True,
            wrong=_like(_LOCATION, "europe-west3"),
            pattern=f"^({_LOCATION.pattern})$",
        ),
        Checked(
            name="default_dataset",
            title="Dataset",
            description="Where tables are looked for that a query names without one.",
            optional=True,
            wrong=_like(_DATASET, "shop or my-project.shop"),
            pattern=f"^({_DATASET.pattern})$",
        ),
        Whole(
            name="maximum_bytes_billed",
            title="Bytes billed at most",
            description="A query that would be billed for more is refused, and costs nothing.",
            least=1,
            most=MAX_BYTES,
            optional=True,
        ),
        Checked(
            name="endpoint",
            title="Endpoint",
            description="The address of the API, where it is a private or a regional one.",
            optional=True,
            default=ENDPOINT,
            wrong=_endpoint,
            pattern=f"^({_ENDPOINT.pattern})$",
        ),
    ),
    secrets=(
        Checked(
            name="service_account",
            title="Service account",
            description="The JSON key of a service account of its own, which may only read.",
            secret=True,
            optional=True,
            max_characters=16 * 1024,
            wrong=_account,
        ),
    ),
    carriers=frozenset({"endpoint"}),
    dialect="bigquery",
    driver="gateway.sources.sql.bigquery.driver",
    place=place,
    package="google.cloud.bigquery",
)

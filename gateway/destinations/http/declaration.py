"""What is declared of a list API, as frozen values; `parsing` makes them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.destinations.http.templates import Fill, Path, Scope

DEFAULT_ITEMS: Final = 100
DEFAULT_BYTES: Final = 5_000_000
DEFAULT_EVERY_SECONDS: Final = 5
MAX_NAME_CHARACTERS: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """What an operator sets, or a secret."""

    key: str
    label: str
    description: str = ""
    secret: bool = False
    required: bool = False
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    # A text; a value of JSON only where a declaration has the value itself.
    default: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """How a value of one identifier is written."""

    name: str
    title: str
    normalise: tuple[str, ...] = ()
    hash: str = "none"
    max_len: int | None = None
    pattern: str | None = None
    # Whether it finds a person by itself.
    matches: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A request with placeholders; a body of None is none."""

    method: str
    path: Path
    query: Callable[[Scope], str]
    headers: Mapping[str, Fill]
    body: Fill | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Test:
    """What is expected at a path of an answer."""

    path: str
    equals: object


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemErrors:
    """Where an answer tells of single rows that it refuses, and which of that is no error."""

    path: str
    shape: str
    id_path: str = ""
    index_path: str = ""
    reason_path: str | None = None
    failed: Test | None = None
    ignore: tuple[object, ...] = ()
    of: str = "both"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Waiting:
    """How a request that the vendor only accepted is asked about."""

    id_path: str
    request: Request
    status_path: str
    done: tuple[object, ...]
    failed: tuple[object, ...] = ()
    every_seconds: int = DEFAULT_EVERY_SECONDS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Response:
    """How an answer is read. Without `proven`, a success proves nothing."""

    proven: bool = False
    statuses: frozenset[int] = frozenset()
    ok: Test | None = None
    item_errors: tuple[ItemErrors, ...] = ()
    waiting: Waiting | None = None
    message_path: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """A request that changes an audience."""

    request: Request
    item: Fill
    # The identifiers that the request names a member by, one of which it has to have.
    needs: frozenset[str] = frozenset()
    # The first of them that a member has is its key where members are keys of an object.
    identifiers: tuple[str, ...] = ()
    collect: str = "array"
    max_items: int = DEFAULT_ITEMS
    max_bytes: int = DEFAULT_BYTES
    response: Response = Response()
    has_members: bool = True
    # Whether `csv` is a parameter with commas, and no table.
    csv_in_query: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Next:
    """How the next page of a list of audiences is asked for."""

    style: str
    query: str = ""
    path: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Find:
    """How audiences are listed."""

    request: Request
    items: str
    name_path: str
    id_path: str
    next: Next | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Name:
    """How an audience, attribute or tag is called."""

    max: int = MAX_NAME_CHARACTERS
    pattern: str | None = None
    prefix: str = ""
    transform: str = "none"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AudienceRule:
    """What members are put into."""

    mode: str = "none"
    create: Request | None = None
    created_id_path: str = "id"
    find: Find | None = None
    name: Name = Name()
    is_integer: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lookup:
    """How the vendor's ids of members are asked for."""

    request: Request
    key: str
    items: str
    key_path: str
    id_path: str
    max_items: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ErrorRule:
    """What to do about an answer that is no success."""

    statuses: frozenset[int]
    test: Test | None
    do: str
    of: str = "both"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Auth:
    """How requests are signed in; texts are literals or placeholders of settings."""

    type: str = "none"
    user: Fill | None = None
    password: Fill | None = None
    token: Fill | None = None
    values: Mapping[str, Fill] = dataclasses.field(default_factory=dict)
    prefix: str = ""
    token_url: str = ""
    style: str = "form"
    client_id: Fill | None = None
    client_secret: Fill | None = None
    scope: str = ""
    token_path: str = "access_token"  # noqa: S105 - a name in an answer
    expires_path: str = "expires_in"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rate:
    """How many requests a vendor takes."""

    requests: int | None = None
    per_seconds: float = 1.0
    concurrency: int | None = None
    header: str = "retry-after"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declaration:
    """All that is declared of a list API."""

    settings: tuple[Setting, ...]
    base_url: str
    auth: Auth
    rules: tuple[Rule, ...]
    others: bool
    audience: AudienceRule
    lookup: Lookup | None
    test: Request | None
    ops: Mapping[str, Operation]
    errors: tuple[ErrorRule, ...]
    rate: Rate
    refresh_days: int | None
    effects: tuple[str, ...] = ()
    status: str = "unverified"

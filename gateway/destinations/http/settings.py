"""What a destination of any list API is set to, and what is to be known of it."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from gateway.core.fields import Choice, Field, Text, Url
from gateway.destinations import options, settings
from gateway.destinations.facts import Facts, Identifier, Limits, Mode, Replaces, Status
from gateway.destinations.fields import Matched
from gateway.destinations.http import (
    addresses,
    checking,
    parsing,
    schema,
    shorthands,
    soundness,
)
from gateway.destinations.http.declaration import Setting
from gateway.destinations.http.push import Push
from gateway.destinations.http.templates import Unfit
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.destinations.adapter import Account, Adapter
    from gateway.destinations.http.declaration import Declaration

# What a declaration may name without declaring it, as every API has one of them.
USUAL_SECRETS: Final[Mapping[str, str]] = {
    "username": "User name",
    "password": "Password",
    "token": "Token",
    "api_key": "API key",
    "client_id": "Client id",
    "client_secret": "Client secret",
    "app_key": "App key",
    "access_token": "Access token",
    "key": "Key",
    "secret": "Secret",
}

_VALUES: Final[dict[str, Any]] = {
    "type": "object",
    "maxProperties": 30,
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,63}$"},
    "additionalProperties": {"type": "string", "maxLength": 255},
    "description": "Values of the settings that are no secrets, by key.",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a declaration; null is as if it were not given, unless it is `required`."""

    name: str
    shape: Mapping[str, Any]
    required: bool = False
    default: None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        title = self.name.replace("_", " ").capitalize()
        if self.required:
            return {"title": title, **self.shape}
        return {"title": title, "anyOf": [self.shape, {"type": "null"}], "default": None}

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if self.required or value is not None:
            yield from checking.faults(self.shape, value, path)

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it, with integers where JSON wrote 10.0."""
        return _whole(value)


def endpoint(instead_of: str) -> Url:
    """Declare the base of the addresses, which is optional where a declaration has one."""
    return Url(
        name="endpoint",
        title="Endpoint",
        description=f"The base of its addresses instead of {instead_of}, for proxies and tests.",
        optional=True,
    )


def field(one: Setting) -> Field:
    """Make a field of a declared setting."""
    about: Any = {
        "name": one.key,
        "title": one.label,
        "description": one.description or one.label,
        "required": one.required and one.default is None,
    }
    if one.secret:
        return Text(**about, secret=True, max_characters=4096)
    if one.choices:
        return Choice(**about, choices=one.choices, default=one.default)
    if one.pattern is not None:
        return Matched(**about, pattern=one.pattern, default=one.default)
    return Text(**about, default=one.default)


CONFIG: Final[tuple[Field, ...]] = (
    endpoint("base_url"),
    settings.CONCURRENCY,
    Part(name="values", shape=_VALUES),
    *(
        Part(name=name, shape=shape, required=name in ("identifier", "ops"))
        for name, shape in schema.PARTS.items()
    ),
)

SECRETS: Final[tuple[Field, ...]] = tuple(
    field(Setting(key=key, label=label, secret=True)) for key, label in USUAL_SECRETS.items()
)

# What decides where secrets travel, and how.
CARRIERS: Final = frozenset({"endpoint", "base_url", "auth", "settings", "values"})

OPTIONS: Final = options.ALL

_HASHES: Final = {"none": "", "sha256": "SHA-256", "md5": "MD5"}

# How identifiers are called is decided by each declaration: these are the usual ones.
FACTS: Final = Facts(
    identifiers=(
        Identifier(name="email", title="E-mail"),
        Identifier(name="phone", title="Phone"),
        Identifier(name="user_id", title="User id"),
    ),
    matching=(frozenset({"email"}), frozenset({"phone"}), frozenset({"user_id"})),
    limits=Limits(members=100),
    others=True,
    effects=("does what its requests do: nothing is known of that but what is declared",),
    status=Status.UNVERIFIED,
)


def facts(declared: Declaration) -> Facts:
    """Tell what is to be known of a destination by its declaration."""
    ops = declared.ops
    used = [ops[name] for name in ("add", "remove", "refresh", "replace") if name in ops]
    rate = declared.rate
    return Facts(
        identifiers=tuple(
            Identifier(
                name=rule.name,
                title=rule.title,
                description=_described(rule.normalise, rule.hash),
                hashed=_HASHES[rule.hash],
            )
            for rule in declared.rules
        ),
        matching=tuple(frozenset({rule.name}) for rule in declared.rules if rule.matches),
        limits=Limits(
            members=min(one.max_items for one in used),
            requests=rate.requests,
            per_seconds=rate.per_seconds,
            concurrency=rate.concurrency,
        ),
        others=declared.others,
        modes=(
            (Mode.MIRROR, Mode.ADD_ONLY)
            if "remove" in ops or "add" not in ops
            else (Mode.ADD_ONLY,)
        ),
        effects=declared.effects,
        status=Status(declared.status),
        replaces=Replaces.NEVER if "add" in ops else Replaces.ALWAYS,
        refresh_days=declared.refresh_days,
    )


def facts_of(config: Mapping[str, object]) -> Facts:
    """Tell what is to be known of a destination by its config."""
    return facts(_declared(config))


def faults_of(config: Mapping[str, object]) -> Iterator[Fault]:
    """Tell what is wrong with a config that no part of it shows by itself."""
    given = shorthands.spelled_out(config)
    declared = _settings(given)
    for number, one in enumerate(given.get("settings", ())):
        if one.get("secret") and one["key"] not in USUAL_SECRETS:
            known = ", ".join(USUAL_SECRETS)
            yield Fault(f"config.settings.{number}.key", f"a secret must be one of {known}")
    found = list(soundness.faults(given, declared))
    yield from found
    if not found:
        yield from _value_faults(given, declared)
        if not (given.get("endpoint") or given.get("base_url")):
            yield Fault("config.endpoint", "is missing, as there is no base_url")


def connect(account: Account) -> Adapter:
    """Make the adapter of a destination."""
    given = shorthands.spelled_out(account.config)
    declared = dataclasses.replace(parsing.parse(given), settings=tuple(_settings(given).values()))
    return Push(declared, account, values_of(declared, given.get("values", {}), account.secrets))


def values_of(
    declared: Declaration, given: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, object]:
    """Return key → value of all settings that have one."""
    known = {one.key: one.default for one in declared.settings} | dict(given) | dict(secrets)
    keys = {one.key for one in declared.settings}
    return {key: value for key, value in known.items() if key in keys and value is not None}


def _declared(config: Mapping[str, object]) -> Declaration:
    return parsing.parse(shorthands.spelled_out(config))


def _settings(given: Mapping[str, Any]) -> dict[str, Setting]:
    """Return the settings that a declaration may name, by key."""
    usual = {
        key: Setting(key=key, label=label, secret=True) for key, label in USUAL_SECRETS.items()
    }
    return usual | {one.key: one for one in map(parsing.setting, given.get("settings", ()))}


def _value_faults(given: Mapping[str, Any], declared: Mapping[str, Setting]) -> Iterator[Fault]:
    for key, value in given.get("values", {}).items():
        one = declared.get(key)
        path = f"config.values.{key}"
        if one is None:
            yield Fault(path, "there is no such setting")
        elif one.secret:
            yield Fault(path, "is a secret: it belongs to the secrets")
        elif one.choices and value not in one.choices:
            yield Fault(path, f"must be one of {', '.join(one.choices)}")
        elif one.pattern is not None and not re.fullmatch(one.pattern, value):
            yield Fault(path, f"must match {one.pattern}")
    known = {key: one.default for key, one in declared.items()} | given.get("values", {})
    try:
        addresses.base(given.get("base_url", ""), known)
    except Unfit as unfit:
        yield Fault(f"config.values.{unfit.place}", "is missing, or cannot stand in an address")


def _described(normalise: tuple[str, ...], hashed: str) -> str:
    steps = ", ".join(normalise) or "as it is"
    return steps if hashed == "none" else f"{steps}; {hashed}"


def _whole(value: object) -> object:
    match value:
        case dict():
            return {key: _whole(inner) for key, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value

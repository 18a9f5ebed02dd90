"""What is wrong with a declaration beyond its form: placeholders out of place, unsafe addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gateway.destinations.http import addresses, templates
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.destinations.http.declaration import Setting

_OF_MEMBERS: Final = re.compile(r"members|member(\..+)?|row\.(key|lookup)")
_OF_ONE: Final = re.compile(r"member(\..+)?|row\.(key|lookup)")
_OF_COHORT: Final = re.compile(r"cohort\.(id|name|description|created_at)|audience\.(id|name)")
# What the client sets itself, or what would change how a request ends.
_KEPT_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_AUTH_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "header": ("values",),
    "query": ("values",),
    "body": ("values",),
    "oauth2_client": ("token_url",),
}


def faults(given: Mapping[str, Any], settings: Mapping[str, Setting]) -> Iterator[Fault]:
    """Tell what is wrong with a declaration of the right form."""
    sound = _Sound(settings)
    yield from sound.patterns(given)
    yield from sound.base(given.get("base_url"))
    yield from sound.auth(given.get("auth", {"type": "none"}))
    yield from sound.audience(given.get("audience", {}))
    yield from sound.operations(given)
    for name in ("test", "lookup"):
        if name in given:
            names = _OF_MEMBERS if name == "lookup" else _OF_COHORT
            yield from sound.request(given[name], f"config.{name}", allowed=names)


class _Sound:
    """Checks parts of a declaration against the settings that it may name."""

    def __init__(self, settings: Mapping[str, Setting]) -> None:
        self._settings = settings

    def patterns(self, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Tell which regular expressions are none."""
        places = [("config.identifier", given["identifier"])]
        places += [("config.audience.name", given.get("audience", {}).get("name", {}))]
        places += [
            (f"config.identifier.any_of.{number}", one)
            for number, one in enumerate(given["identifier"]["any_of"])
            if isinstance(one, dict)
        ]
        places += [
            (f"config.identifier.fields.{number}", one)
            for number, one in enumerate(given["identifier"].get("fields", ()))
        ]
        places += [
            (f"config.settings.{number}", one)
            for number, one in enumerate(given.get("settings", ()))
        ]
        for path, place in places:
            try:
                re.compile(place.get("pattern", ""))
            except re.error:
                yield Fault(f"{path}.pattern", "is no regular expression")

    def base(self, base_url: str | None) -> Iterator[Fault]:
        """Tell what is wrong with the base of all paths."""
        if base_url is not None:
            for message in addresses.faults(base_url, self._settings):
                yield Fault("config.base_url", message)

    def auth(self, auth: Mapping[str, Any]) -> Iterator[Fault]:
        """Tell what is missing to sign in, or would show more than settings."""
        for name in _AUTH_NEEDS.get(auth["type"], ()):
            if not auth.get(name):
                yield Fault(f"config.auth.{name}", "is missing")
        texts = {name: auth[name] for name in auth if name not in ("type", "values", "token_url")}
        texts |= {f"values.{name}": value for name, value in auth.get("values", {}).items()}
        for name, value in texts.items():
            yield from self._names(value, f"config.auth.{name}", secret=True)
        if auth["type"] == "header":
            yield from self._header_names(auth.get("values", {}), "config.auth.values")
        if "token_url" in auth:
            for message in addresses.token_faults(auth["token_url"], self._settings):
                yield Fault("config.auth.token_url", message)

    def audience(self, audience: Mapping[str, Any]) -> Iterator[Fault]:
        """Tell what is wrong with how audiences are made and found."""
        for name in ("create", "find"):
            if name in audience:
                path = f"config.audience.{name}"
                yield from self.request(audience[name], path, allowed=_OF_COHORT)
        page = audience.get("find", {}).get("next", {})
        for part, styles in (("query", ("cursor", "offset")), ("path", ("cursor", "link"))):
            if page.get("style") in styles and not page.get(part):
                yield Fault(f"config.audience.find.next.{part}", "is missing")
        if audience.get("mode") != "list" and ("create" in audience or "find" in audience):
            yield Fault("config.audience.mode", "must be list, as there is something to create")

    def operations(self, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Tell what is wrong with the requests that change an audience."""
        ops = given["ops"]
        if "add" not in ops and "replace" not in ops:
            yield Fault("config.ops.add", "is missing")
        if "refresh_days" in given and "refresh" not in ops and "add" not in ops:
            yield Fault("config.refresh_days", "needs an operation that refreshes")
        for name, one in ops.items():
            yield from self._operation(one, f"config.ops.{name}")
        responses = [(given.get("response", {}), "config.response")]
        responses += [
            (one.get("response", {}), f"config.ops.{name}.response") for name, one in ops.items()
        ]
        for response, path in responses:
            if "async" in response:
                yield from self._async(response["async"], f"{path}.async")

    def _async(self, one: Mapping[str, Any], path: str) -> Iterator[Fault]:
        names = re.compile(f"{_OF_COHORT.pattern}|ticket\\.id")
        yield from self.request(one, path, allowed=names)

    def _operation(self, one: Mapping[str, Any], path: str) -> Iterator[Fault]:
        is_single = one.get("collect") == "single"
        in_address = _OF_ONE if is_single else re.compile("members")
        allowed = re.compile(f"{_OF_COHORT.pattern}|{_OF_MEMBERS.pattern}")
        yield from self._names(one.get("item"), f"{path}.item", allowed)
        yield from self.request(
            one,
            path,
            allowed=re.compile(f"{_OF_COHORT.pattern}|{in_address.pattern}"),
            body=allowed,
        )
        outside = templates.names_in(_without_each(one.get("body")))
        if not is_single and any(_OF_ONE.fullmatch(name) for name in outside):
            yield Fault(f"{path}.body", "has a member outside of what is for each member")
        named = templates.names_in([one.get("body"), one.get("query")])
        named += templates.path_names(one["path"])
        if not any(_OF_MEMBERS.fullmatch(name) for name in named):
            yield Fault(f"{path}.body", "names no member")

    def request(
        self,
        one: Mapping[str, Any],
        path: str,
        *,
        allowed: re.Pattern[str],
        body: re.Pattern[str] | None = None,
    ) -> Iterator[Fault]:
        """Tell what is wrong with a request."""
        try:
            templates.path(one["path"])
        except ValueError as error:
            yield Fault(f"{path}.path", str(error))
        else:
            for name in templates.path_names(one["path"]):
                yield from self._name(name, f"{path}.path", allowed, secret=False)
                if name == "members":
                    yield Fault(f"{path}.path", "cannot have all members")
        yield from self._names(one.get("query"), f"{path}.query", allowed)
        yield from self._names(one.get("body"), f"{path}.body", body or allowed)
        yield from self._header_names(one.get("headers", {}), f"{path}.headers")
        for name, value in one.get("headers", {}).items():
            yield from self._names(value, f"{path}.headers.{name}", secret=True)

    def _header_names(self, headers: Mapping[str, Any], path: str) -> Iterator[Fault]:
        for name in headers:
            if name.lower() in _KEPT_HEADERS:
                yield Fault(f"{path}.{name}", "is set by the gateway")

    def _names(
        self,
        value: object,
        path: str,
        allowed: re.Pattern[str] | None = None,
        *,
        secret: bool = False,
    ) -> Iterator[Fault]:
        for name in templates.names_in(value):
            yield from self._name(name, path, allowed, secret=secret)

    def _name(
        self, name: str, path: str, allowed: re.Pattern[str] | None, *, secret: bool
    ) -> Iterator[Fault]:
        first, _, key = name.partition(".")
        setting = self._settings.get(key)
        if name == "!":
            yield Fault(path, "a placeholder must be the whole text, like {{member.email}}")
        elif first not in ("settings", "secrets"):
            if allowed is None or not allowed.fullmatch(name):
                yield Fault(path, f"{{{{{name}}}}} cannot stand here")
        elif setting is None:
            yield Fault(path, f"there is no setting {key}")
        elif first == "secrets" and not setting.secret:
            yield Fault(path, f"{key} is no secret")
        elif setting.secret and not secret:
            yield Fault(path, "a secret can only stand in a header or in auth")


def _without_each(value: object) -> object:
    """Leave out what is filled for each member by itself."""
    match value:
        case {"each": "members", "item": _, **rest} if not rest:
            return None
        case dict():
            return {key: _without_each(inner) for key, inner in value.items()}
        case list():
            return [_without_each(one) for one in value]
        case _:
            return value

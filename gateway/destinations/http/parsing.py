"""Turns a declaration of a list API into frozen values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.destinations.http import templates
from gateway.destinations.http.declaration import (
    DEFAULT_BYTES,
    DEFAULT_EVERY_SECONDS,
    DEFAULT_ITEMS,
    AudienceRule,
    Auth,
    Declaration,
    ErrorRule,
    Find,
    ItemErrors,
    Lookup,
    Name,
    Next,
    Operation,
    Rate,
    Request,
    Response,
    Rule,
    Setting,
    Test,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.destinations.http.templates import Fill


def parse(given: Mapping[str, Any]) -> Declaration:
    """Parse a declaration that `soundness` finds nothing wrong with."""
    response = _response(given.get("response", {}))
    rules = _rules(given["identifier"])
    names = tuple(rule.name for rule in rules if rule.matches)
    ops = {name: _operation(one, response, names) for name, one in given["ops"].items()}
    return Declaration(
        settings=tuple(setting(one) for one in given.get("settings", ())),
        base_url=given.get("base_url") or "",
        auth=_auth(given.get("auth", {"type": "none"})),
        rules=rules,
        others=_has_others(given["ops"], {rule.name for rule in rules}),
        audience=_audience(given.get("audience", {})),
        lookup=_lookup(given["lookup"], names[0]) if "lookup" in given else None,
        test=_request(given["test"]) if "test" in given else None,
        ops=ops,
        errors=tuple(_error(one) for one in given.get("errors", ())),
        rate=_rate(given.get("rate", {})),
        refresh_days=given.get("refresh_days"),
        effects=tuple(given.get("effects", ())),
        status=given.get("status", "unverified"),
    )


def setting(one: Mapping[str, Any]) -> Setting:
    """Parse one setting."""
    known = {**one, "choices": tuple(one.get("choices", ()))}
    return Setting(**{"label": one["key"], **known})


def _rules(given: Mapping[str, Any]) -> tuple[Rule, ...]:
    common = {name: one for name, one in given.items() if name not in ("any_of", "fields")}
    matching = [
        _rule({**common, **({"name": one} if isinstance(one, str) else one)})
        for one in given["any_of"]
    ]
    return (*matching, *(_rule({**one, "matches": False}) for one in given.get("fields", ())))


def _rule(one: Mapping[str, Any]) -> Rule:
    known = {"title": one["name"], **one, "normalise": tuple(one.get("normalise", ()))}
    return Rule(**known)


def _has_others(ops: Mapping[str, Any], named: set[str]) -> bool:
    """Tell whether more of a member is sent than identifiers."""
    for one in ops.values():
        names = templates.names_in([one.get("body"), one.get("item"), one.get("query", {})])
        used = {name.partition(".")[2] for name in names if name.startswith("member.")}
        if "member" in names or used - named or ("members" in names and "item" not in one):
            return True
    return False


def _needs(one: Mapping[str, Any], identifiers: tuple[str, ...]) -> frozenset[str]:
    """Return the identifiers that a request names a member by; none if it names it otherwise."""
    names = templates.names_in([one.get("body"), one.get("item"), one.get("query", {})])
    names += templates.path_names(one["path"])
    if "member" in names or ("members" in names and "item" not in one):
        return frozenset(identifiers)
    return frozenset(identifiers) & {name.partition(".")[2] for name in names}


def _request(one: Mapping[str, Any], method: str = "GET") -> Request:
    return Request(
        method=one.get("method", method),
        path=templates.path(one["path"]),
        query=templates.query(one.get("query", {})),
        headers={
            name.lower(): templates.compiled(value)
            for name, value in one.get("headers", {}).items()
        },
        body=templates.compiled(one["body"]) if "body" in one else None,
    )


def _operation(
    one: Mapping[str, Any], response: Response, identifiers: tuple[str, ...]
) -> Operation:
    collect = one.get("collect", "array")
    return Operation(
        request=_request(one),
        item=templates.compiled(one.get("item", "{{member}}")),
        needs=_needs(one, identifiers),
        identifiers=identifiers,
        collect=collect,
        max_items=1 if collect == "single" else one.get("max_items", DEFAULT_ITEMS),
        max_bytes=one.get("max_bytes", DEFAULT_BYTES),
        response=_response(one["response"]) if "response" in one else response,
        has_members="members" in templates.names_in([one.get("body"), one.get("query")]),
        csv_in_query="members" in templates.names_in(one.get("query")),
    )


def _response(one: Mapping[str, Any]) -> Response:
    ok = one.get("ok", {})
    errors = one.get("item_errors", [])
    return Response(
        proven="ok" in one,
        statuses=frozenset(ok.get("status", ())),
        ok=Test(path=ok["path"], equals=ok.get("equals")) if "path" in ok else None,
        item_errors=tuple(map(_item_errors, errors if isinstance(errors, list) else [errors])),
        waiting=_waiting(one["async"]) if "async" in one else None,
        message_path=one.get("message_path"),
    )


def _item_errors(one: Mapping[str, Any]) -> ItemErrors:
    failed = Test(**one["failed"]) if "failed" in one else None
    known = {**one, "ignore": tuple(one.get("ignore", ())), "failed": failed}
    return ItemErrors(**known)


def _waiting(one: Mapping[str, Any]) -> Waiting:
    return Waiting(
        id_path=one["id_path"],
        request=_request(one),
        status_path=one["status_path"],
        done=tuple(one["done"]),
        failed=tuple(one.get("failed", ())),
        every_seconds=one.get("every_s", DEFAULT_EVERY_SECONDS),
    )


def _audience(one: Mapping[str, Any]) -> AudienceRule:
    create, find = one.get("create"), one.get("find")
    return AudienceRule(
        mode=one.get("mode", "none"),
        create=_request(create) if create else None,
        created_id_path=create.get("id_path", "id") if create else "id",
        find=_find(find) if find else None,
        name=Name(**one.get("name", {})),
        is_integer=one.get("id_type") == "integer",
    )


def _find(one: Mapping[str, Any]) -> Find:
    return Find(
        request=_request(one),
        items=one["items"],
        name_path=one["name_path"],
        id_path=one["id_path"],
        next=Next(**one["next"]) if "next" in one else None,
    )


def _lookup(one: Mapping[str, Any], first: str) -> Lookup:
    return Lookup(
        request=_request(one),
        key=one.get("key", first),
        items=one["items"],
        key_path=one["key_path"],
        id_path=one["id_path"],
        max_items=one.get("max_items", DEFAULT_ITEMS),
    )


def _error(one: Mapping[str, Any]) -> ErrorRule:
    when = one["when"]
    status = when.get("status", [])
    test = Test(path=when["path"], equals=when.get("equals")) if "path" in when else None
    return ErrorRule(
        statuses=frozenset(status if isinstance(status, list) else [status]),
        test=test,
        do=one["do"],
        of=one.get("of", "both"),
    )


def _auth(one: Mapping[str, Any]) -> Auth:
    texts = {
        name: one[name]
        for name in ("type", "prefix", "token_url", "style", "scope", "token_path", "expires_path")
        if name in one
    }
    return Auth(
        user=_filled(one, "user", "username"),
        password=_filled(one, "pass", "password"),
        token=_filled(one, "token", "token"),
        values={name: templates.compiled(value) for name, value in one.get("values", {}).items()},
        client_id=_filled(one, "client_id", "client_id"),
        client_secret=_filled(one, "client_secret", "client_secret"),
        **texts,
    )


def _filled(one: Mapping[str, Any], name: str, secret: str) -> Fill:
    """Compile a part of what signs in; by default a secret of the usual name."""
    return templates.compiled(one.get(name, f"{{{{settings.{secret}}}}}"))


def _rate(one: Mapping[str, Any]) -> Rate:
    per_second, per_minute = one.get("per_second"), one.get("per_minute")
    return Rate(
        requests=per_second or per_minute,
        per_seconds=1.0 if per_second or not per_minute else 60.0,
        concurrency=one.get("concurrency"),
        header=one.get("retry_after", "retry-after").lower(),
    )

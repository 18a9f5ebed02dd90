"""Audiences of a list API: how they are called, found and created."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from gateway.destinations import replies
from gateway.destinations.answers import Audience, Later, Stop, StopCode
from gateway.destinations.http import reading, values
from gateway.destinations.http.templates import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway import outbound
    from gateway.destinations.adapter import Target
    from gateway.destinations.http.calling import Caller
    from gateway.destinations.http.declaration import Declaration, Find, Name, Next

# A list of audiences longer than this is taken to go round.
MAX_PAGES: Final = 1000
_NOT_PLAIN: Final = re.compile(r"[^a-z0-9]+")


class Audiences:
    """Finds and creates what members are put into."""

    def __init__(self, declaration: Declaration, caller: Caller) -> None:
        self._declaration = declaration
        self._rule = declaration.audience
        self._caller = caller

    def scope(self, target: Target, name: str = "") -> Scope:
        """Return what placeholders stand for, without members."""
        return Scope(names=self._names(target, name))

    def _names(self, target: Target, name: str) -> Mapping[str, Mapping[str, object]]:
        known: object = target.audience
        if self._rule.is_integer and target.audience.isdecimal():
            known = int(target.audience)
        cohort = target.cohort
        return {
            "settings": self._caller.public,
            "cohort": {
                "id": cohort.id,
                "name": cohort.name,
                "description": cohort.description,
                "created_at": cohort.created_at.isoformat(),
            },
            "audience": {"id": known, "name": name or self._called(target)},
        }

    def find(self, target: Target) -> Audience | Later | Stop | None:
        """Find the audience. Raises errors.Outbound."""
        name = self._name(target)
        if isinstance(name, Stop):
            return name
        given = target.options.get("audience_id")
        if given:
            return Audience(id=str(given), name=name)
        if self._rule.mode != "list":
            return Audience(id=name, name=name)
        if self._rule.find is None:
            return None if self._rule.create else _no_list()
        return self._search(target, name, self._rule.find)

    def create(self, target: Target) -> Audience | Later | Stop:
        """Create the audience. Raises errors.Outbound."""
        name = self._name(target)
        if isinstance(name, Stop):
            return name
        if self._rule.create is None:
            return _no_list()
        answer = self._caller.call(self._rule.create, self.scope(target, name))
        if isinstance(answer, Later | Stop):
            return answer
        failed = self.failure(answer)
        if failed is not None:
            return failed
        found = values.text(values.at(replies.json_of(answer), self._rule.created_id_path))
        if found:
            return Audience(id=found, name=name)
        # It may be there all the same: the answer has another form than was declared.
        found_after = self.find(target)
        return found_after or Stop(
            code=StopCode.CONFIGURATION, message="the answer to creating a list has no id"
        )

    def _search(self, target: Target, name: str, find: Find) -> Audience | Later | Stop | None:
        more: Mapping[str, object] = {}
        for _ in range(MAX_PAGES):
            answer = self._caller.call(find.request, self.scope(target, name), more)
            failed = answer if isinstance(answer, Later | Stop) else self.failure(answer)
            if failed is not None or isinstance(answer, Later | Stop):
                return failed
            body = replies.json_of(answer)
            items = values.listed(body, find.items)
            for one in items:
                found = values.text(values.at(one, find.id_path))
                if found and values.at(one, find.name_path) == name:
                    return Audience(id=found, name=name)
            more = _more(find.next, body, items, more)
            if not more:
                break
        return None

    def failure(self, answer: outbound.Answer) -> Later | Stop | None:
        """Tell what an answer means, if it is no success."""
        caller = self._caller
        return reading.failure(answer, self._declaration, caller.secrets, caller.now())

    def _called(self, target: Target) -> str:
        return called(self._rule.name, target, attribute=self._rule.mode != "list")

    def _name(self, target: Target) -> str | Stop:
        name = self._called(target)
        pattern = self._rule.name.pattern
        if pattern is not None and not re.fullmatch(pattern, name):
            message = f"the name {name!r} cannot be used there; set another for the job"
            return Stop(code=StopCode.CONFIGURATION, message=message)
        return name


def called(rule: Name, target: Target, *, attribute: bool = False) -> str:
    """Name an audience after its cohort; an attribute after the cohort's id, which stays."""
    given = target.options.get("audience_name")
    if given:
        return str(given)
    if attribute:
        plain = _NOT_PLAIN.sub("_", target.cohort.id.lower()).strip("_")
        return f"{rule.prefix or 'cohort_'}{plain}"[: rule.max]
    name = target.cohort.name
    if rule.transform == "snake":
        name = _NOT_PLAIN.sub("_", name.lower()).strip("_")
    return f"{rule.prefix}{name}"[: rule.max]


def _no_list() -> Stop:
    message = "lists cannot be created there by request: make one, and give its id to the job"
    return Stop(code=StopCode.CONFIGURATION, message=message)


def _more(
    rule: Next | None, body: object, items: list[object], before: Mapping[str, object]
) -> Mapping[str, object]:
    """Return what asks for the next page; nothing after the last."""
    if rule is None or not items:
        return {}
    if rule.style == "offset":
        return {rule.query: int(str(before.get(rule.query, 0))) + len(items)}
    cursor = values.text(values.at(body, rule.path))
    if rule.style == "link":
        more = dict(parse_qsl(urlsplit(cursor or "").query))
        return more if more != before else {}
    return {rule.query: cursor} if cursor and cursor != before.get(rule.query) else {}

"""The form of the rule builder, as a browser reads and sends it."""

from __future__ import annotations

import html.parser

from gateway.core.behaviour import parse
from gateway.core.behaviour.rule import Definition
from gateway.handlers.console import rule_drafts
from tests.http.console import text
from tests.http.world import Answer


class Fields(html.parser.HTMLParser):
    """The fields of the builder's form, as a browser would send them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._inside = False
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = self._inside or given.get("id") == "builder"
        name = given.get("name", "")
        if not self._inside or tag == "button":
            return
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self.found.setdefault(self._select, given.get("value", ""))
            if "selected" in given:
                self.found[self._select] = given.get("value", "")
        elif tag == "textarea":
            self._area, self.found[name] = name, ""
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.found[name] = given.get("value", "on" if given.get("type") == "checkbox" else "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"
        self._select = "" if tag == "select" else self._select
        self._area = "" if tag == "textarea" else self._area

    def handle_data(self, data: str) -> None:
        if self._area:
            self.found[self._area] += data
        elif self._select and self._select.endswith(".since") and data.strip():
            # Options of this one have no values beside their texts.
            self.found[self._select] = self.found[self._select] or data


def drawn(answer: Answer) -> dict[str, str]:
    assert answer.status_code == 200, text(answer)
    return Fields(answer.text).found


def again(fields: dict[str, str]) -> Definition:
    """Read the rule that a form is of, without the JSON beside it."""
    draft = rule_drafts.read(fields)
    assert draft is not None
    found = {"rule": rule_drafts.to_json(draft), "time_zone": fields["time_zone"]}
    return parse.definition(found)

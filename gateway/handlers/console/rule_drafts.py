"""Drafts of rules: what stands in the form of the rule builder, sound or not yet.

A draft is a tree of texts. It is made of the fields of a form or of a rule, and becomes the fields
of a form, or JSON that is checked as any rule is. A rule that becomes a form, and then a rule
again, is the same.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway.core.behaviour import rule
from gateway.core.behaviour.rule import Cmp, Cond, Did, InCohort, Node, Op, Trait, When
from gateway.handlers.console import rule_texts as written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.core.behaviour.rule import Scalar
    from gateway.handlers.console.forms import Form

ROOT: Final = "r"
ALL: Final = "all"
ANY: Final = "any"
DID: Final = "did"
TRAIT: Final = "trait"
IN_COHORT: Final = "in_cohort"
GROUPS: Final = (ALL, ANY)
# Deeper than any rule may be, so that it is the rule that is refused.
_DEEPEST: Final = 12

MEASURES: Final = ("count", "sum", "days")
TEXTUAL: Final = (Op.CONTAINS, Op.NOT_CONTAINS, Op.STARTS_WITH, Op.ENDS_WITH)
LISTED: Final = (Op.IN, Op.NOT_IN)
BARE: Final = (Op.EXISTS, Op.NOT_EXISTS, Op.IS_TRUE, Op.IS_FALSE)
TIMED: Final = (Op.BEFORE, Op.AFTER)

_DID: Final = ("when", "number", "unit", "since", "from", "to")
_MEASURE: Final = ("property", "op", "value", "to")
_COND: Final = ("property", "op", "value", "to", "values", "case")

Texts = dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draft:
    """A node, with how many `not` are around it.

    Of `did` there are names of events, conditions and texts of the rest; of `trait` one condition;
    of `in_cohort` the text `cohort`; of groups children.
    """

    kind: str
    nots: int = 0
    texts: Texts = dataclasses.field(default_factory=dict)
    names: tuple[str, ...] = ()
    conditions: tuple[Texts, ...] = ()
    children: tuple[Draft, ...] = ()


# Between the name of a cohort and its id.
BEFORE_ID: Final = " · "


def blank(kind: str) -> Draft:
    """Make a node to be filled in."""
    if kind == DID:
        return Draft(kind=DID, names=("",), texts={"when": "ever", "number": "30", "unit": "d"})
    return Draft(kind=kind, conditions=({"op": "eq"},) if kind == TRAIT else ())


def read(form: Form, place: str = ROOT, depth: int = 1) -> Draft | None:
    """Read a node of a form; None if there is none."""
    kind = form.get(f"{place}.kind")
    if kind not in (*GROUPS, DID, TRAIT, IN_COHORT) or depth > _DEEPEST:
        return None
    nots = form.get(f"{place}.nots", "")
    return Draft(
        kind=kind,
        nots=min(int(nots), _DEEPEST) if nots.isascii() and nots.isdigit() else 0,
        texts=_texts(form, place, kind),
        names=tuple(_numbered(form, f"{place}.event")) if kind == DID else (),
        conditions=tuple(_conditions(form, place, kind)),
        children=tuple(_children(form, place, depth)) if kind in GROUPS else (),
    )


def _texts(form: Form, place: str, kind: str) -> Texts:
    names = {IN_COHORT: ("cohort",), DID: _did_fields()}.get(kind, ())
    found = {name: form.get(f"{place}.{name}", "") for name in names}
    return {"cohort": cohort(found["cohort"])} if kind == IN_COHORT else found


def cohort(written: str) -> str:
    """Read the id of a cohort of a field that may have its name before it."""
    return written.rpartition(BEFORE_ID)[2].strip()


def _did_fields() -> tuple[str, ...]:
    return (*_DID, *(f"{one}.{name}" for one in MEASURES for name in _MEASURE))


def _numbered(form: Form, place: str) -> list[str]:
    found: list[str] = []
    while f"{place}.{len(found)}" in form:
        found.append(form[f"{place}.{len(found)}"])
    return found


def _conditions(form: Form, place: str, kind: str) -> list[Texts]:
    found: list[Texts] = []
    while kind in (DID, TRAIT) and f"{place}.where.{len(found)}.op" in form:
        at = f"{place}.where.{len(found)}"
        found.append({name: form.get(f"{at}.{name}", "") for name in _COND})
    return found


def _children(form: Form, place: str, depth: int) -> list[Draft]:
    found: list[Draft] = []
    while child := read(form, f"{place}.{len(found)}", depth + 1):
        found.append(child)
    return found


def fields(draft: Draft) -> int:
    """Count the fields that the form of a draft has."""
    own = 2 + len(draft.texts) + len(draft.names) + len(_COND) * len(draft.conditions)
    return own + sum(map(fields, draft.children))


def of_rule(node: Node) -> Draft:
    """Write a rule as a draft."""
    nots = 0
    while isinstance(node, rule.Not):
        node, nots = node.child, nots + 1
    if isinstance(node, Did):
        return _of_did(node, nots)
    if isinstance(node, Trait):
        return Draft(kind=TRAIT, nots=nots, conditions=(_of_cond(node.cond),))
    if isinstance(node, InCohort):
        return Draft(kind=IN_COHORT, nots=nots, texts={"cohort": str(node.cohort_id)})
    kind = ALL if isinstance(node, rule.All) else ANY
    return Draft(kind=kind, nots=nots, children=tuple(map(of_rule, rule.children(node))))


def _of_did(node: Did, nots: int) -> Draft:
    measures: dict[str, Cmp | None] = {
        "count": node.count,
        "sum": node.sum.cmp if node.sum else None,
        "days": node.days,
    }
    texts = _of_when(node.when) | {
        f"{name}.{field}": text
        for name, cmp in measures.items()
        for field, text in _of_cmp(cmp).items()
    }
    texts["sum.property"] = written.path(node.sum.path) if node.sum else ""
    return Draft(
        kind=DID,
        nots=nots,
        texts=dict.fromkeys(_did_fields(), "") | texts,
        names=tuple(map(written.name, node.names)),
        conditions=tuple(map(_of_cond, node.where)),
    )


def _of_when(when: When) -> Texts:
    if when.within is not None:
        number, unit = written.duration(when.within)
        return {"when": "within", "number": number, "unit": unit}
    if when.since is not None:
        return {"when": "since", "since": when.since.value}
    start, end = (one and written.time(one) for one in (when.start, when.end))
    if start and end:
        return {"when": "between", "from": start, "to": end}
    if start or end:
        return {"when": "after", "from": start} if start else {"when": "before", "to": end or ""}
    return {"when": "ever"}


def _of_cmp(cmp: Cmp | None) -> Texts:
    if cmp is None:
        return {}
    first, *rest = map(str, cmp.values)
    return {"op": cmp.op.value, "value": first, "to": rest[0] if rest else ""}


def _of_cond(cond: Cond) -> Texts:
    found = {"property": written.path(cond.path), "op": cond.op.value}
    if cond.case:
        found["case"] = "on"
    if cond.time is not None:
        return found | {"value": written.time(cond.time)}
    if cond.within is not None:
        return found | {"value": "".join(written.duration(cond.within))}
    if cond.op in LISTED:
        return found | {"values": written.lines(cond.values)}
    write = _text if cond.op in TEXTUAL else written.scalar
    values = [write(one) for one in cond.values]
    return found | dict(zip(("value", "to"), values, strict=False))


def _text(value: Scalar) -> str:
    return written.name(str(value))


def to_json(draft: Draft) -> Any:  # noqa: ANN401 - JSON
    """Write a draft as JSON has rules; whether it is one is for others to say."""
    found: Any = {draft.kind: _inner(draft)}
    for _ in range(draft.nots):
        found = {"not": found}
    return found


def _inner(draft: Draft) -> Any:  # noqa: ANN401 - JSON
    if draft.kind == IN_COHORT:
        return draft.texts.get("cohort", "").strip()
    if draft.kind == TRAIT:
        return _cond(draft.conditions[0] if draft.conditions else {})
    if draft.kind == DID:
        return _did(draft)
    return [to_json(one) for one in draft.children]


def _did(draft: Draft) -> dict[str, Any]:
    names = [written.read_name(one) for one in draft.names if one.strip()]
    found: dict[str, Any] = {"event": names[0] if len(names) == 1 else names}
    where = [_cond(one) for one in draft.conditions if one.get("property") or one.get("value")]
    if where:
        found["where"] = where
    when = _when(draft.texts)
    if when is not None:
        found["when"] = when
    for name in MEASURES:
        if draft.texts.get(f"{name}.op"):
            found[name] = _measure(draft.texts, name)
    return found


def _when(texts: Mapping[str, str]) -> dict[str, Any] | None:
    kind, start, end = (texts.get(name, "") for name in ("when", "from", "to"))
    given: dict[str, Any] = {
        "within": texts.get("number", "").strip() + texts.get("unit", ""),
        "since": texts.get("since", ""),
        "between": [written.read_time(start), written.read_time(end)],
        "before": written.read_time(end),
        "after": written.read_time(start),
    }
    return {kind: given[kind]} if kind in given else None


def _measure(texts: Mapping[str, str], name: str) -> dict[str, Any]:
    op, value, to = (texts.get(f"{name}.{one}", "") for one in ("op", "value", "to"))
    found: dict[str, Any] = {"op": op, "value": written.read_scalar(value)}
    if op == Op.BETWEEN:
        found["value"] = [written.read_scalar(value), written.read_scalar(to)]
    if name == "sum":
        found["property"] = written.read_path(texts.get("sum.property", ""))
    return found


def _cond(texts: Mapping[str, str]) -> dict[str, Any]:
    op, value = texts.get("op", ""), texts.get("value", "")
    found: dict[str, Any] = {"property": written.read_path(texts.get("property", "")), "op": op}
    if op in BARE:
        return found
    if op in TEXTUAL:
        found["value"] = written.read_name(value)
        return found | ({"case": True} if texts.get("case") else {})
    if op in LISTED:
        return found | {"value": written.read_lines(texts.get("values", ""))}
    if op == Op.BETWEEN:
        both = [written.read_scalar(texts.get(name, "")) for name in ("value", "to")]
        return found | {"value": both}
    if op in TIMED:
        return found | {"value": written.read_time(value)}
    return found | {"value": value.strip() if op == Op.WITHIN else written.read_scalar(value)}

"""What an answer of a list API means: taken, refused row by row, later, or never."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Final

from gateway.destinations import replies
from gateway.destinations.answers import (
    Accepted,
    Answer,
    Done,
    Later,
    Rejected,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.http import values
from gateway.destinations.http.declaration import Response
from gateway.destinations.http.values import MISSING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway import outbound
    from gateway.destinations.http.declaration import (
        Declaration,
        ErrorRule,
        ItemErrors,
        Rate,
        Test,
    )

_OK: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_SLOW: Final = frozenset({429})
_LATER: Final = frozenset({408, 423, 425, *range(500, 600)})
_GONE: Final = frozenset({404, 410})
_STOPS: Final[Mapping[int, StopCode]] = {
    402: StopCode.REFUSED,
    403: StopCode.PERMISSION,
    405: StopCode.CONFIGURATION,
    451: StopCode.TERMS,
}


class About(enum.Enum):
    """What the address of a request names: what a 404 says is missing."""

    AUDIENCE = enum.auto()
    MEMBER = enum.auto()
    NEITHER = enum.auto()


class Reauth(enum.Enum):
    """The token is not taken any more."""

    NEEDED = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What is known of a request when its answer is read.

    `op` is add, remove, replace or refresh; `ids` lists the identifiers of each row that was sent,
    where an answer tells of rows by them.
    """

    op: str
    rows: int
    ids: Callable[[], Sequence[frozenset[str]]]
    about: About
    now: datetime.datetime
    secrets: Sequence[str]

    @property
    def removes(self) -> bool:
        """Whether it takes members out: what is not there any more is no error then."""
        return self.op == "remove"

    def concerns(self, of: str) -> bool:
        """Tell whether a rule for additions, removals or both is for this."""
        return of == "both" or (of == "remove") == self.removes


def read(
    answer: outbound.Answer,
    asked: Asked,
    response: Response,
    rules: Sequence[ErrorRule],
    rate: Rate,
) -> Answer | Reauth:
    """Tell how a request fared; places of rows are those of `asked.ids`."""
    body = replies.json_of(answer)
    fails = _fails(answer.status, body, response)
    rule = next((one for one in rules if _fits(one, answer.status, body, asked)), None)
    if rule is not None and (fails or rule.test is not None):
        return _by_rule(rule.do, answer, asked, response, rate)
    if fails:
        return _by_status(answer, asked, response, rate)
    return _success(body, asked, response)


def failure(
    answer: outbound.Answer,
    declaration: Declaration,
    secrets: Sequence[str],
    now: datetime.datetime,
) -> Later | Stop | None:
    """Tell what an answer to a request without members means, if it is no success."""
    asked = Asked(op="add", rows=0, ids=list, about=About.NEITHER, now=now, secrets=secrets)
    # What is said of lists of members is not said of other answers.
    found = read(answer, asked, Response(proven=True), declaration.errors, declaration.rate)
    if isinstance(found, Later | Stop):
        return found
    said = replies.message_of(answer, secrets)
    if isinstance(found, Reauth):
        return Stop(code=StopCode.CREDENTIALS, message=said)
    if answer.status not in _OK:
        return Stop(code=StopCode.REFUSED, message=said)
    return None


def message(answer: outbound.Answer, asked: Asked, response: Response) -> str:
    """Take the vendor's words from where the declaration says they are."""
    if response.message_path is not None:
        found = replies.found_in(values.at(replies.json_of(answer), response.message_path))
        if found:
            return replies.scrubbed(f"{found} (HTTP {answer.status})", asked.secrets)
    return replies.message_of(answer, asked.secrets)


def _fails(status: int, body: object, response: Response) -> bool:
    if status not in _OK and status not in response.statuses:
        return True
    if response.ok is None:
        return False
    found = values.at(body, response.ok.path)
    return found is not MISSING and not _holds(found, response.ok)


def _holds(found: object, test: Test) -> bool:
    """Tell whether a value is the one expected; any value if none is said."""
    return found is not MISSING and (test.equals is None or values.meets(found, test.equals))


def _fits(rule: ErrorRule, status: int, body: object, asked: Asked) -> bool:
    if not asked.concerns(rule.of) or (rule.statuses and status not in rule.statuses):
        return False
    return rule.test is None or _holds(values.at(body, rule.test.path), rule.test)


def _by_rule(
    do: str, answer: outbound.Answer, asked: Asked, response: Response, rate: Rate
) -> Answer | Reauth:
    said = message(answer, asked, response)
    match do:
        case "retry" | "slow":
            return _later(answer, asked, said, rate, for_all=do == "slow")
        case "reauth":
            return Reauth.NEEDED
        case "reject_item":
            return _rejected(asked, said)
        case "done":
            return Done()
        case "split":
            return Split(message=said)
        case _:
            return Stop(code=_STOPS.get(answer.status, StopCode.REFUSED), message=said)


def _by_status(
    answer: outbound.Answer, asked: Asked, response: Response, rate: Rate
) -> Answer | Reauth:
    said, status = message(answer, asked, response), answer.status
    if status in _SLOW or status in _LATER:
        return _later(answer, asked, said, rate, for_all=status in _SLOW)
    if status == 401:  # noqa: PLR2004 - unauthorised
        return Reauth.NEEDED
    if status in _GONE:
        return _missing(asked, said)
    if status in _STOPS:
        return Stop(code=_STOPS[status], message=said)
    if status in _REDIRECTS:
        return Stop(code=StopCode.CONFIGURATION, message=f"the address leads elsewhere: {said}")
    return Split(message=said)


def _missing(asked: Asked, said: str) -> Answer:
    match asked.about:
        case About.MEMBER:
            return Done() if asked.removes else _rejected(asked, said, "not_found")
        case About.AUDIENCE:
            return Stop(code=StopCode.AUDIENCE_DELETED, message=said)
        case About.NEITHER:
            return Stop(code=StopCode.CONFIGURATION, message=said)


def _later(answer: outbound.Answer, asked: Asked, said: str, rate: Rate, *, for_all: bool) -> Later:
    headers = {"retry-after": answer.headers.get(rate.header, "")}
    after = replies.retry_after(headers, asked.now)
    return Later(message=said, after_seconds=after, for_all=for_all)


def _rejected(asked: Asked, said: str, reason: str = "refused") -> Answer:
    if asked.rows > 1:
        return Split(message=said)
    return Done(rejected={0: Rejected(reason=reason, message=said)})


def _success(body: object, asked: Asked, response: Response) -> Answer:
    waiting = response.waiting
    if waiting is not None:
        ticket = values.text(values.at(body, waiting.id_path))
        if ticket:
            return Accepted(
                ticket=ticket,
                after_seconds=waiting.every_seconds,
                receipt={"request": ticket},
            )
    rejected = rejections(body, asked, response)
    if waiting is None and _is_proven(body, response):
        return Done(rejected=rejected)
    return Done(
        rejected=rejected,
        unconfirmed=frozenset(range(asked.rows)) - rejected.keys(),
    )


def _is_proven(body: object, response: Response) -> bool:
    if not response.proven:
        return False
    return response.ok is None or values.at(body, response.ok.path) is not MISSING


def rejections(body: object, asked: Asked, response: Response) -> dict[int, Rejected]:
    """Find the rows that an answer refuses."""
    if not response.item_errors:
        return {}
    places: dict[str, list[int]] = {}
    for place, ids in enumerate(asked.ids()):
        for one in ids:
            places.setdefault(one, []).append(place)
    found: dict[int, Rejected] = {}
    for errors in response.item_errors:
        if asked.concerns(errors.of):
            for refused, reason in _refused(errors, body, places, asked.rows):
                if reason not in errors.ignore:
                    said = replies.scrubbed(reason, asked.secrets)
                    found[refused] = Rejected(reason="refused", message=said)
    return found


def _refused(
    errors: ItemErrors, body: object, places: Mapping[str, Sequence[int]], sent: int
) -> Iterable[tuple[int, str]]:
    for number, one in enumerate(values.listed(body, errors.path)):
        test = errors.failed
        if test is not None and not _holds(values.at(one, test.path), test):
            continue
        reason = _reason(errors, one)
        for place in _places(errors, one, number, places):
            if 0 <= place < sent:
                yield place, reason


def _places(
    errors: ItemErrors, one: object, number: int, places: Mapping[str, Sequence[int]]
) -> Sequence[int]:
    match errors.shape:
        case "rows":
            return (number,)
        case "index":
            place = values.at(one, errors.index_path)
            return (int(str(place)),) if str(place).isdecimal() else ()
        case _:
            path = "" if errors.shape == "list_of_ids" else errors.id_path
            return [place for name in _ids(values.at(one, path)) for place in places.get(name, ())]


def _ids(found: object) -> list[str]:
    """Write an identifier, or each of a list, as rows are known by; in lower case as well."""
    several = found if isinstance(found, list) else [found]
    plain = [text for text in map(values.text, several) if text]
    return [*plain, *(text.lower() for text in plain if text.lower() != text)]


def _reason(errors: ItemErrors, one: object) -> str:
    if errors.reason_path is None:
        return errors.path
    found = values.at(one, errors.reason_path)
    return values.text(found) or replies.found_in(found) or errors.path

"""Pages and acts of the console: each is declared once, with the scope that it needs."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, g, render_template, request, stream_template

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.handlers.console import forms, session, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Rows of a list on one page.
ROWS: Final = 50
_HTML: Final = "text/html; charset=utf-8"
# Which no page has a use for.
_FLUSH: Final = "\0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """What is shown at a path; the view is called with the path's variables."""

    name: str
    rule: str
    view: Callable[..., Response]
    scope: Scope = Scope.READ


@dataclasses.dataclass(frozen=True, kw_only=True)
class Act:
    """What the form of a page does; the view is called with the path's variables and the form.

    The form may have `max_fields` of `max_bytes` together. One `with_file` takes the form of a page
    that chooses a file, and its view gets that, too. Of what is refused the form is shown `again`,
    with the reason, what was typed, and the path's variables; without that, the reason has a page
    of its own.
    """

    name: str
    rule: str
    view: Callable[..., Response]
    scope: Scope = Scope.ADMIN
    with_file: bool = False
    max_fields: int = forms.MAX_FIELDS
    max_bytes: int = forms.MAX_BYTES
    again: Callable[..., Response] | None = None


def blueprint(name: str, shown: Iterable[Page | Act]) -> Blueprint:
    made = Blueprint(f"console_{name}", __name__, template_folder="templates")
    for one in shown:
        rule = f"{site.PREFIX}{one.rule}"
        if isinstance(one, Act):
            made.add_url_rule(rule, one.name, functools.partial(_act, one), methods=["POST"])
        else:
            made.add_url_rule(rule, one.name, functools.partial(_page, one), methods=["GET"])
    return made


def _page(page: Page, **variables: str) -> Response:
    session.visitor().require(page.scope)
    return page.view(**variables)


def _act(act: Act, **variables: str) -> Response:
    given = {}
    if act.with_file:
        form, given["file"] = forms.read_with_file()
    else:
        form = forms.read(max_fields=act.max_fields, max_bytes=act.max_bytes)
    session.require_own_form(form.get(session.TOKEN, ""))
    session.visitor().require(act.scope)
    try:
        return act.view(**variables, form=form, **given)
    except errors.Refused as error:
        if act.again is None:
            raise
        answer = act.again(**variables, form=form, error=error)
        answer.status_code = error.status
        return answer


def render(template: str, status: int = 200, **values: object) -> Response:
    """Answer with a page. A visitor is there unless it is shown before signing in."""
    body = render_template(template, **_everywhere(), **values)
    return Response(body, status, site.HEADERS, content_type=_HTML)


def stream(template: str, **values: object) -> Response:
    """Answer with a page that is sent while it is written, up to each `flush` of its template."""
    pieces = stream_template(template, **_everywhere(), flush=_FLUSH, **values)
    answer = Response(_parts(pieces), 200, site.HEADERS, content_type=_HTML)
    # nginx would keep the beginning until it has the end.
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _everywhere() -> dict[str, object]:
    """Return what every template may use."""
    known = session.session_id()
    return {
        "visitor": g.get("visitor"),
        "token": "" if known is None else session.token(known),
        "Scope": Scope,
        "done": request.args.get("done", ""),
    }


def _parts(pieces: Iterator[str]) -> Iterator[bytes]:
    part: list[str] = []
    for piece in pieces:
        if piece != _FLUSH:
            part.append(piece)
            continue
        yield "".join(part).encode()
        part.clear()
    yield "".join(part).encode()


def go(*segments: object, **query: object) -> Response:
    """Send the browser to a page, after what a form did."""
    return redirect(site.path(*segments, **query))


def redirect(to: str) -> Response:
    headers = {**site.HEADERS, "Location": to}
    return Response("", 303, headers, content_type=_HTML)

"""Signing in and out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import Blueprint

from gateway import errors
from gateway.flows.access import sign_in as flow
from gateway.handlers.console import forms, pages, session, site
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Response

# Where signing in leads: a page of the console, in what a URL may be written with.
_NEXT: Final = re.compile(r"(/[\w.~%-]+)*/console([/?][\w.~%/?=&+:@-]*)?", re.ASCII)

blueprint = Blueprint("console_door", __name__, template_folder="templates")


@blueprint.get(f"{site.PREFIX}/sign-in")
def show_sign_in() -> Response:
    """Show the form; its token is of a cookie that opens nothing."""
    return _show(forms.asked("next", most=2000))


@blueprint.post(f"{site.PREFIX}/sign-in")
def sign_in() -> Response:
    """Open a session under a new id, whatever cookie came with the form."""
    given, form = deps.current(), forms.read()
    session.require_own_form(form.get(session.TOKEN, ""))
    try:
        opened = flow.sign_in(given.reading, form.get("key", "").strip(), now=given.now())
    except errors.Refused as error:
        return _show(form.get("next", ""), error)
    return session.remember(pages.redirect(_safe(form.get("next", ""))), opened)


@blueprint.post(f"{site.PREFIX}/sign-out")
def sign_out() -> Response:
    given, form = deps.current(), forms.read()
    session.require_own_form(form.get(session.TOKEN, ""))
    known = session.session_id() or ""
    flow.sign_out(given.reading, known, session.visitor(), now=given.now())
    return session.forget(pages.go("sign-in", done="signed-out"))


def _show(after: str, error: errors.Refused | None = None) -> Response:
    """Show the form, with a cookie that its token is of."""
    known = session.session_id()
    value = known or session.new_id()
    answer = pages.render(
        "session/sign_in.html",
        200 if error is None else error.status,
        next=after if _is_safe(after) else "",
        error=error,
        form_token=session.token(value),
    )
    return answer if known else session.remember(answer, value)


def _safe(after: str) -> str:
    return after if _is_safe(after) else site.path()


def _is_safe(after: str) -> bool:
    return _NEXT.fullmatch(after) is not None

"""The page that shows the description of the query API; it needs nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from flask import Blueprint, Response, render_template
from markupsafe import Markup

from gateway.handlers.http import openapi, shell

_STYLE: Final = "docs.css"

# Nothing but its own style, known by its digest: the page works, and stays as harmless, without any
# network; no script runs in it, not even its own.
_POLICY: Final = (
    "default-src 'none'; style-src 'sha256-{digest}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("docs", __name__, template_folder="templates")


@blueprint.get("/docs")
def docs() -> Response:
    style = render_template(_STYLE)
    page = render_template(
        "docs.html",
        document=openapi.current().document,
        url=openapi.address(),
        always=openapi.ALWAYS,
        curl=shell.curl,
        written=shell.written,
        style=Markup(style),  # noqa: S704 - ours
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = {"Content-Security-Policy": _POLICY.format(digest=digest)}
    return Response(page, headers=policy, content_type="text/html; charset=utf-8")

"""The page that shows the description of the query API; it needs nothing from elsewhere."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, render_template

from gateway.handlers import openapi

# Nothing but its own style: the page works, and stays as harmless, without any network.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"

blueprint = Blueprint("docs", __name__, template_folder="templates")


@blueprint.get("/docs")
def docs() -> Response:
    """Answer the page."""
    page = render_template("docs.html", document=openapi.document())
    return Response(page, headers={"Content-Security-Policy": _POLICY}, content_type="text/html")

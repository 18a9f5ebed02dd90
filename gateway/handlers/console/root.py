"""The root of the gateway: for a browser the console, for other clients where things are."""

from __future__ import annotations

from flask import Blueprint, Response, request

import gateway
from gateway.handlers.console import pages, site
from gateway.handlers.http import responses

blueprint = Blueprint("root", __name__)


@blueprint.get("/")
def root() -> Response:
    """Send a browser to the console, and tell other clients what there is."""
    if "text/html" in request.accept_mimetypes.values():
        answer = pages.redirect(site.path())
    else:
        answer = responses.plain(
            {
                "name": "Cohort Gateway",
                "version": gateway.__version__,
                "console": site.PREFIX,
                "api": "/v1",
                "docs": "/docs",
                "openapi": "/openapi.json",
            }
        )
    answer.vary.add("Accept")
    return answer

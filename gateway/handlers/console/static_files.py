"""The files that pages load: one style sheet, two scripts and an icon, all of this gateway."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from gateway import errors
from gateway.handlers.console import site

# Their paths change with their content.
_CACHE: Final = "public, max-age=31536000, immutable"

blueprint = Blueprint("console_static", __name__)


@blueprint.get(f"{site.PREFIX}/static/<raw:name>")
def file(name: str) -> Response:
    """Answer a file, which is no secret."""
    if name not in site.FILES:
        raise errors.NotFound("there is no such file")
    content = (site.STATIC / name).read_bytes()
    return Response(content, headers={"Cache-Control": _CACHE}, content_type=site.FILES[name])

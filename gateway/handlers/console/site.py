"""Where the console is: its paths, the policy of its pages, and the files that they load."""

from __future__ import annotations

import hashlib
import urllib.parse
from pathlib import Path
from typing import Final

from flask import request

from gateway.handlers.http import deps

PREFIX: Final = "/console"
STATIC: Final = Path(__file__).parent / "static"

# Nothing is loaded from anywhere but here, nothing stands inline, and no page is shown in a frame.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    # With `no-referrer` browsers say `Origin: null` of a form, and no form could be told from one
    # of another site.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

FILES: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "htmx-4.0.1.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def is_here() -> bool:
    """Tell whether the current request is answered with a page."""
    return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")


def path(*segments: object, **query: object) -> str:
    """Return the path of a page with its segments and its query percent-encoded.

    What is None or empty of the query is left out.
    """
    parts = [_mount(), PREFIX[1:], *(urllib.parse.quote(str(one), safe="") for one in segments)]
    asked = urllib.parse.urlencode({name: one for name, one in query.items() if one})
    return "/".join(parts) + (f"?{asked}" if asked else "")


def static(name: str) -> str:
    """Return the path of a file, which is another one whenever its content is."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return path("static", name, v=digest)


def is_secure() -> bool:
    """Tell whether browsers reach the gateway by TLS, as its settings say."""
    url = deps.current().settings.public_url
    return url is not None and url.startswith("https://")


def _mount() -> str:
    """Return the path that a proxy takes away, if the request came by the public URL."""
    url = urllib.parse.urlsplit(deps.current().settings.public_url or "")
    return url.path.rstrip("/") if url.netloc == request.host else request.script_root

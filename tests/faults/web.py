"""What gunicorn loads instead of gateway.wsgi: the same application, coming by points."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from gateway import logs, wsgi
from gateway.app import create_app
from gateway.settings import Settings
from tests.faults import points, watching

if TYPE_CHECKING:
    from flask import Flask, Response


def __getattr__(name: str) -> Flask:
    if name != "app":
        raise AttributeError(name)
    logs.catch_crashes()
    here = points.of_environ()
    watching.Watcher(here, "web", watching.WEB, watching.STORES).listen()
    settings = Settings.from_environ(os.environ)
    logs.configure(level=settings.log_level, style=settings.log_format)
    deps = dataclasses.replace(wsgi.make_deps(settings), now=watching.clock(here))
    app = create_app(deps)

    def after_the_ring(response: Response) -> Response:
        here.pass_by("web.after-ring")
        return response

    app.after_request(after_the_ring)
    return app

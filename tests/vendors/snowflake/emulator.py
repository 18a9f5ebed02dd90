"""Starts fakesnow's server with what its answer to a sign-in lacks for the newest client."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from fakesnow.server import app
from starlette.responses import Response

Message = dict[str, Any]
SIGN_IN: Final = "/session/v1/login-request"
LASTS: Final = {"validityInSeconds": 3600, "masterValidityInSeconds": 14400}


class Signed:
    """The server, with a master token in each answer to a sign-in."""

    async def __call__(
        self, scope: Message, receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        if scope["type"] != "http" or scope["path"] != SIGN_IN:
            await app(scope, receive, send)
            return
        status, body = 200, b""

        async def keep(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        await app(scope, receive, keep)
        answer = json.loads(body)
        if answer.get("success"):
            more = {"masterToken": "master", "sessionId": 1, **LASTS}
            answer["data"] = {**answer["data"], **more}
        await Response(json.dumps(answer), status, media_type="application/json")(
            scope, receive, send
        )


if __name__ == "__main__":
    uvicorn.run(Signed(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

"""A visitor of the console: a browser's cookies and forms, in process."""

from __future__ import annotations

import html
import re
from typing import Final

from werkzeug.wrappers import Response

from tests.http.world import KEYS, Answer, World

ORIGIN: Final = "http://localhost"
_TOKEN: Final = re.compile(r'name="token" value="([^"]+)"')


class Visitor:
    """A browser that has signed in with the key of a scope, unless told not to."""

    def __init__(self, world: World, scope: str | None = "admin") -> None:
        self.world = world
        self.http = world.app.test_client()
        self.token = ""
        if scope is not None:
            answer = self.sign_in(KEYS[scope])  # type: ignore[index]
            assert answer.status_code == 303, answer.text

    def sign_in(self, key: str, **fields: str) -> Answer:
        """Open the page for signing in, and send its form."""
        self.get("/sign-in")
        answer = self.post("/sign-in", key=key, **fields)
        if answer.status_code == 303:
            self.get("")
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        """Open a page, and remember the token of its forms."""
        answer = self.http.get(f"/console{path}", headers=headers)
        found = _TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer

    def page(self, path: str) -> str:
        """Return the text of a page that must be there, without markup."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return text(answer)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form as a page of this site does."""
        sent = {"token": self.token, **fields}
        return self.http.post(
            f"/console{path}",
            data=sent,
            headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        )


def text(answer: Response) -> str:
    """Return what a page says: no markup, and one space between words."""
    body = re.sub(r"<head>.*?</head>", "", answer.get_data(as_text=True), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())

"""The page of the API as a browser shows it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def url(filled: str) -> str:
    """Return the address of the page."""
    return f"{filled}/docs"


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_docs__on_a_screen_of_any_width__scroll_down_only(
    browser: Any,  # noqa: ANN401 - playwright is installed for this tier alone
    url: str,
    width: int,
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(url)
    root = "document.scrollingElement"
    assert page.evaluate(f"{root}.scrollHeight > {root}.clientHeight")
    assert page.evaluate(f"{root}.scrollWidth") <= width
    page.close()


def test_docs__under_their_own_policy__show_their_style_and_raise_no_error(
    browser: Any,  # noqa: ANN401 - as above
    url: str,
) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    serif = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert said == []
    assert "Times" not in serif, "the style of the page was refused"
    page.close()

"""A cohort kept at a destination, in a browser: made, tested, sent, approved and stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright import sync_api as playwright

from tests.console.backstage import Backstage
from tests.console.conftest import Console
from tests.console.test_lists import load, make
from tests.destinations import servers
from tests.destinations.meta import graph as meta
from tests.destinations.meta.graph import Graph


@pytest.fixture
def vendor() -> Iterator[tuple[Graph, str]]:
    """Run a fake of Meta's API, and lend it with the base of its addresses."""
    made = Graph()
    with servers.serving(made) as base:
        yield made, base


def test_cohort__sent_to_a_destination__is_kept_there_and_each_run_has_its_page(
    console: Console, behind: Backstage, vendor: tuple[Graph, str]
) -> None:
    graph, base = vendor
    slug = f"meta-{'scripts' if console.scripts else 'plain'}"
    make(console, f"Buyers of {slug}")
    rows = "".join(f"b{one},b{one}@example.com\n" for one in range(150))
    load(console, f"id,email\n{rows}".encode(), review=False)
    behind.settle()
    console.shows("Applied")
    _create_destination(console, slug, base)
    _create_job(console, slug)
    behind.send()
    console.shows("150")
    (audience,) = graph.audiences
    assert len(graph.known(audience, "EMAIL")) == 150
    console.page.get_by_role("link", name="First run").click()
    console.says("What the destination said of the newest requests")
    _shrink(console, behind, slug)
    behind.send()
    console.page.get_by_role("link", name="Sync jobs", exact=True).first.click()
    console.page.get_by_role("link", name=f"Buyers of {slug}").click()
    console.press("Run now")
    behind.send()
    console.shows("0 members would be added, 148 members would be removed")
    console.press("Approve, and remove 148 members")
    behind.send()
    console.shows("148")
    assert graph.known(audience, "EXTERN_ID") == {"b1", "b2"}
    graph.next = [meta.error(2655, error_user_title="Terms", error_user_msg="Accept them")]
    console.page.get_by_text("Send everything anew…").click()
    console.press("Send everything anew")
    behind.send()
    console.shows("Terms: Accept them")
    console.says("Accept the terms in the account of the destination")
    console.press("Resume")
    behind.send()
    console.page.reload()
    playwright.expect(console.page.locator("h1 + .pill")).to_have_text("Active")


def _create_destination(console: Console, slug: str, base: str) -> None:
    """Make a destination by its kind, with what it does there said before, and test it."""
    console.open("/destinations")
    console.page.get_by_role("link", name="Create a destination").first.click()
    console.page.get_by_role("link", name="Meta (Facebook custom audiences)").click()
    console.says("Puts people into a custom audience")
    console.page.get_by_label("Slug").fill(slug)
    console.page.get_by_label("Ad account").fill("42")
    console.page.get_by_label("Access token").fill(meta.TOKEN)
    console.page.get_by_text("More settings").click()
    console.page.get_by_label("Endpoint").fill(base)
    console.press("Create")
    console.says("The destination is made.")
    console.press("Test")
    console.says("The test went well")


def _create_job(console: Console, slug: str) -> None:
    """Send the cohort there, after a look at what would be sent."""
    console.open("/cohorts?q=Buyers")
    console.page.get_by_role("link", name=f"Buyers of {slug}").click()
    console.page.get_by_role("link", name="Sync jobs", exact=True).last.click()
    console.page.get_by_role("link", name="Send to a destination").click()
    console.page.get_by_role("link", name=slug).click()
    console.page.get_by_label("E-mail email").fill("")
    console.press("Preview")
    console.says("What the first run would do")
    console.page.get_by_label("E-mail email").fill("email")
    console.press("Preview")
    console.says("b0@example.com")
    console.press("Create")
    console.says("its first run is queued")


def _shrink(console: Console, behind: Backstage, slug: str) -> None:
    console.open(f"/cohorts?q=Buyers of {slug}")
    console.page.get_by_role("link", name=f"Buyers of {slug}").click()
    load(console, b"id,email\nb1,b1@example.com\nb2,b2@example.com\n", review=False)
    behind.settle()
    console.shows("It would take out more members than usual")
    console.press("Approve")
    behind.settle()

"""Every page, in light and dark, wide and narrow: it fits, has no error, and is pictured."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.console.conftest import Console

AXE: Final = (Path(__file__).parent / "axe" / "axe.min.js").read_text() + "; undefined"
SERIOUS: Final = {"serious", "critical"}

PAGES: Final = {
    "overview": "",
    "cohorts": "/cohorts",
    "cohorts-none-found": "/cohorts?q=nothing",
    "deleted": "/deleted-cohorts",
    "members": "{cohort}",
    "members-none-found": "{cohort}?id=nothing",
    "changes": "{cohort}/changes",
    "syncs": "{cohort}/syncs",
    "settings": "{cohort}/settings",
    "member": "{cohort}/members/u-09000",
    "sources": "/sources",
    "source": "/sources/default",
    "source-paused": "/sources/warehouse-eu",
    "kinds": "/new-source",
    "new-source": "/new-source/mixpanel",
    "choose-source": "/new-cohort",
    "new-list": "/new-cohort/lists",
    "list-members": "{list}",
    "list-files": "{list}/loads",
    "list-settings": "{list}/settings",
    "load-waiting": "{load}",
    "history": "{list}/members/guest-0001/history",
    "destinations": "/destinations",
    "destination": "/destinations/meta-ads",
    "destination-kinds": "/new-destination",
    "new-destination": "/new-destination/google",
    "sync-jobs": "/sync-jobs",
    "sync-jobs-none-found": "/sync-jobs?state=done",
    "sync-job": "{job}",
    "sync-job-stopped": "{stopped}",
    "sync-job-settings": "{job}/settings",
    "sync-run": "{job}/runs/1",
    "sync-jobs-of-cohort": "{cohort}/sync-jobs",
    "choose-cohort": "/new-sync-job",
    "choose-destination": "/new-sync-job/{number}",
    "new-sync-job": "/new-sync-job/{number}/meta-ads",
    "deliveries": "/deliveries",
    "deliveries-none-waiting": "/deliveries?state=pending",
    "keys": "/keys",
    "activity": "/activity",
    "notices": "/notices",
    "database": "/sources/shop",
    "tables": "/sources/shop/tables",
    "new-database": "/new-source/postgresql",
    "new-query": "/new-cohort/shop",
    "query": "{paying}/query",
    "query-loads": "{paying}/loads",
    "query-settings": "{paying}/settings",
    "people": "/people",
    "people-none-found": "/people?q=nothing",
    "person": "/people/c-001",
    "person-cohorts": "/people/c-001/cohorts",
    "events": "/events",
    "events-rejected": "/events?only=rejected",
    "rules": "/rules",
    "rule": "{bought}/rule",
    "rule-builder": "/rules?cohort={rule}",
    "why": "{bought}/why?id=c-001",
    "person-sent": "/people/u-00010/sent",
    "person-not-sent": "/people/c-001/sent",
}


# The first of them has the fixtures of the run made.
pytestmark = pytest.mark.timeout(900)

SCREENS: Final = [(scheme, width) for scheme in ("light", "dark") for width in (390, 1440)]


def test_door__on_every_screen__fits_and_has_no_error_and_nothing_serious_for_axe(
    browser: Any,  # noqa: ANN401 - playwright is installed for this tier alone
    filled: str,
    pictures: Path,
) -> None:
    console = Console(browser, filled)
    _look(console, {"sign-in": ""}, pictures)
    console.close()


def test_pages__on_every_screen__fit_and_have_no_error_and_nothing_serious_for_axe(
    browser: Any,  # noqa: ANN401 - as above
    filled: str,
    pictures: Path,
) -> None:
    console = Console(browser, filled)
    console.sign_in()
    places = _places(console)
    _look(console, {name: path.format(**places) for name, path in PAGES.items()}, pictures)
    console.close()


def _look(console: Console, looks: dict[str, str], pictures: Path) -> None:
    """Open pages, picture each on every screen, and hold them to what each page has to be."""
    found: dict[str, list[str]] = {}
    for name, path in looks.items():
        console.open(path)
        console.page.wait_for_load_state("networkidle")
        # Beside the page's policy, which would not let it in.
        console.page.evaluate(AXE)
        for scheme, width in SCREENS:
            # Without motion, as a picture would show colors on their way to others.
            console.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            console.page.set_viewport_size({"width": width, "height": 900})
            shown = f"{name}-{scheme}-{width}"
            console.page.screenshot(path=pictures / f"{shown}.png", full_page=True)
            if console.page.evaluate("document.scrollingElement.scrollWidth") > width:
                found.setdefault(shown, []).append("is wider than the screen")
            found.setdefault(shown, []).extend(_faults(console.page))
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert console.said == []
    assert console.elsewhere == []


def _places(console: Console) -> dict[str, str]:
    """Find what is pictured, by the lists that it stands in."""
    cohort = console.first("/cohorts")
    guests, bought = (console.first(f"/cohorts?q={name}") for name in ("guests", "bought"))
    return {
        "cohort": cohort,
        "number": cohort.rpartition("/")[2],
        "list": guests,
        "load": console.first(f"{guests}/loads"),
        "job": console.first("/sync-jobs?state=active"),
        "stopped": console.first("/sync-jobs?state=stopped"),
        "bought": bought,
        "rule": bought.rpartition("/")[2],
        "paying": console.first("/cohorts?q=paying"),
    }


def _faults(page: Any) -> list[str]:  # noqa: ANN401 - as above
    """List what axe finds that is serious."""
    violations = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)"
    )
    return [
        f"{one['id']}: {one['nodes'][0]['html']}" for one in violations if one["impact"] in SERIOUS
    ]

"""What people do in the console, in a browser, with its scripts and without."""

from __future__ import annotations

import re
from typing import Any

from playwright import sync_api as playwright

from gateway.core import moments
from gateway.core.access.scopes import Scope
from gateway.flows.access import keys
from gateway.store.db.engine import Pool
from tests.console.conftest import Console


def test_sign_in__with_a_wrong_key__says_so(browser: Any, filled: str) -> None:  # noqa: ANN401
    console = Console(browser, filled)
    console.open("/cohorts?q=trial")
    console.page.get_by_label("API key").fill("cg_wrong")
    console.press("Sign in")
    console.says("This key is not valid, or was revoked.")
    console.close()


def test_session__of_a_key_revoked_meanwhile__leads_back_to_the_door(
    browser: Any,  # noqa: ANN401
    filled: str,
    shared_pool: Pool,
) -> None:
    wanted = keys.Wanted(name="leaver", scopes=[Scope.READ])
    key = keys.create(shared_pool, wanted, now=moments.now()).key
    console = Console(browser, filled)
    console.open("")
    console.page.get_by_label("API key").fill(key)
    console.press("Sign in")
    console.page.get_by_role("link", name="Cohorts", exact=True).click()
    console.page.get_by_role("heading", name="Cohorts").wait_for()
    keys.revoke(shared_pool, "leaver", now=moments.now())
    console.page.get_by_role("searchbox").fill("trial")  # a part of the page is asked for
    console.page.get_by_label("API key").wait_for()
    console.close()


def test_sign_out__ends_the_session(console: Console) -> None:
    console.press("Sign out")
    console.says("You have signed out.")
    console.open("/cohorts")
    console.page.get_by_label("API key").wait_for()


def test_cohorts__searched__are_narrowed_down(console: Console) -> None:
    console.open("/cohorts")
    console.page.get_by_role("searchbox").fill("churn")
    console.page.keyboard.press("Enter")
    playwright.expect(console.page.locator("tbody tr")).to_have_count(1)
    playwright.expect(console.page).to_have_url(re.compile(r"/console/cohorts\?q=churn&?"))
    console.page.get_by_role("link", name="Churn risk").click()
    console.page.get_by_role("heading", name="Churn risk").wait_for()
    console.page.get_by_role("searchbox").fill("u-0010")
    console.page.keyboard.press("Enter")
    playwright.expect(console.page.locator("tbody th a").first).to_have_text("u-00100")


def test_source__created_paused_and_removed__says_each_time_what_is_so(console: Console) -> None:
    console.open("/sources")
    console.page.get_by_role("link", name="Create a source").click()
    console.page.get_by_role("link", name="Mixpanel cohort sync").click()
    console.page.get_by_label("Slug").fill("default")
    console.press("Create")
    console.says("There is a source 'default' already")
    console.page.get_by_label("Slug").fill("boutique")
    console.page.get_by_label("Name optional").fill("The boutique")
    console.press("Create")
    assert console.page.get_by_label("Webhook URL").input_value().endswith("/boutique")
    assert len(console.page.get_by_label("Password").input_value()) > 20
    console.page.get_by_role("link", name="Done").click()
    console.press("Pause")
    console.says("The source is paused: it takes nothing")
    console.press("Resume")
    console.says("The source is resumed.")
    console.page.get_by_text("Remove…").click()
    console.press("Remove, with 0 cohorts")
    console.says("The source is removed")
    # A refused form is a failed request to the browser, which says so.
    console.said = [one for one in console.said if "409" not in one]


def test_key__created_and_revoked__is_shown_once(console: Console) -> None:
    console.open("/keys")
    console.page.get_by_label("Name").fill("crm")
    console.press("Create")
    assert console.page.get_by_label("Key of crm").input_value().startswith("cg_")
    console.page.get_by_role("link", name="Done").click()
    row = console.page.get_by_role("row", name="crm")
    row.get_by_text("Revoke…").click()
    console.press("Revoke crm")
    console.says("The key is revoked.")


def test_delivery__blocked__is_retried_once(browser: Any, filled: str) -> None:  # noqa: ANN401
    console = Console(browser, filled)
    console.sign_in()
    console.page.get_by_role("link", name="Look at it").click()
    console.says("the database refuses this data")
    console.press("Retry")
    console.says("The page waits for its turn again.")
    console.says("Nothing is blocked")
    assert console.said == []
    console.close()


def test_page__for_a_key_that_reads__offers_no_change(browser: Any, filled: str) -> None:  # noqa: ANN401
    console = Console(browser, filled)
    console.sign_in(Scope.READ)
    console.open("/sources/default")
    assert console.page.get_by_role("button").all_inner_texts() == ["Sign out", "Copy"]
    assert console.page.get_by_role("link", name="Keys").count() == 0
    console.close()


def test_times__in_a_browser_of_another_zone__show_that_zone_on_hover(
    browser: Any,  # noqa: ANN401
    filled: str,
) -> None:
    console = Console(browser, filled, timezone_id="Asia/Kolkata", locale="en-GB")
    console.sign_in()
    title = console.page.locator("td time").first.get_attribute("title")
    assert "GMT+5:30" in title
    console.close()


def test_keyboard__from_the_top_of_a_page__comes_to_the_content_first(
    browser: Any,  # noqa: ANN401
    filled: str,
) -> None:
    console = Console(browser, filled)
    console.sign_in()
    console.page.keyboard.press("Tab")
    console.page.keyboard.press("Enter")
    assert console.page.evaluate("document.activeElement.id") == "main"
    console.close()

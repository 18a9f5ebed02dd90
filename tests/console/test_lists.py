"""Lists in a browser: made, loaded from files, edited by hand and frozen."""

from __future__ import annotations

from typing import Any, Final

from playwright import sync_api as playwright

from tests.console.backstage import Backstage
from tests.console.conftest import Console

# The script sends parts of 4 MiB.
LARGE: Final = 9 * 1024 * 1024
# Keeps what the page says of its progress until after it has gone.
_KEEP: Final = """() => {
    const status = document.querySelector("form[data-upload] [role=status]");
    sessionStorage.said = "";
    const keep = () => { sessionStorage.said += status.textContent + ";"; };
    new MutationObserver(keep).observe(status, { childList: true });
}"""


def make(console: Console, name: str) -> None:
    """Make a list by choosing its source."""
    console.open("/cohorts")
    console.page.get_by_role("link", name="Create a cohort").click()
    console.page.get_by_role("link", name="Lists").click()
    console.page.get_by_label("Name", exact=True).fill(name)
    console.press("Create")
    console.says("The cohort is made.")


def load(console: Console, file: bytes, *, review: bool) -> None:
    """Choose a file on the page of a list, and load it."""
    console.page.get_by_role("link", name="Files", exact=True).click()
    choose(console, file, review=review)


def choose(console: Console, file: bytes, *, review: bool) -> None:
    chosen = playwright.FilePayload(name="people.csv", mimeType="text/csv", buffer=file)
    console.page.get_by_label("File", exact=True).set_input_files(chosen)
    console.page.get_by_label("Show me what would change first").set_checked(review)
    console.press("Load the file")
    console.page.get_by_role("heading", name="people.csv").wait_for()


def test_file__dropped_on_the_page_that_creates__makes_a_list(
    console: Console, behind: Backstage
) -> None:
    console.open("/new-cohort")
    chosen = playwright.FilePayload(name="spring.csv", mimeType="text/csv", buffer=b"id\na\nb\n")
    console.page.get_by_label("File", exact=True).set_input_files(chosen)
    if console.scripts:
        playwright.expect(console.page.get_by_label("Name")).to_have_value("spring")
    console.press("Create from the file")
    console.page.get_by_role("heading", name="spring.csv").wait_for()
    behind.settle()
    console.shows("2 members would enter, 0 members would exit")


def test_file__with_a_wrong_column__is_corrected_and_loaded(
    console: Console, behind: Backstage
) -> None:
    make(console, "Customers")
    load(console, b"id,code\na,K-1\n,K-2\nc,K-3\n", review=True)
    behind.settle()
    console.shows("2 members would enter, 0 members would exit")
    console.says("1 row: the cell of the id is empty")
    console.page.get_by_label("code", exact=True).select_option("Member id")
    console.page.get_by_label("id", exact=True).select_option("A property")
    console.press("Read it again")
    behind.settle()
    console.shows("3 members would enter, 0 members would exit")
    assert console.page.get_by_text("Rejected rows").count() == 0
    console.press("Approve")
    behind.settle()
    console.shows("Applied")
    console.page.get_by_role("link", name="Files of this list").click()
    console.page.get_by_role("link", name="Members", exact=True).click()
    console.page.get_by_role("link", name="K-2").wait_for()


def test_file__that_takes_out_most_members__waits_until_it_is_approved(
    console: Console, behind: Backstage
) -> None:
    make(console, "Regulars")
    load(console, "\n".join(f"m{one}" for one in range(200)).encode(), review=False)
    behind.settle()
    console.shows("Applied")
    console.page.get_by_role("link", name="Files of this list").click()
    load(console, b"m1\nm2\n", review=False)
    behind.settle()
    console.shows("It would take out more members than usual")
    console.says("0 members would enter, 198 members would exit")
    console.press("Approve")
    behind.settle()
    console.shows("Applied")
    playwright.expect(console.page.locator("dl.facts")).to_contain_text("Exited198")


def test_ids__pasted_and_removed__are_members_with_a_history(
    console: Console, behind: Backstage
) -> None:
    make(console, "Testers")
    console.page.get_by_label("Ids, one a line").fill("ada\ngrace\n \n")
    console.press("Add")
    behind.settle()
    console.page.get_by_label("Ids, one a line").fill("ada\nada")
    console.press("Remove")
    behind.settle()
    console.page.get_by_role("link", name="Members", exact=True).click()
    assert console.page.get_by_role("link", name="ada").count() == 0
    console.page.get_by_role("link", name="grace").click()
    console.page.get_by_role("link", name="History").click()
    console.says("A member now.")
    console.page.get_by_role("link", name="Testers").click()
    console.page.get_by_role("link", name="Settings", exact=True).click()
    console.page.get_by_label("Name of the list").fill("Testers of today")
    console.press("Freeze")
    behind.settle()
    console.shows("Testers of today")
    console.page.get_by_role("link", name="Members", exact=True).click()
    console.page.get_by_role("link", name="grace").wait_for()


def test_file__too_large_for_one_form__goes_in_parts_with_its_progress(
    browser: Any,  # noqa: ANN401 - playwright is installed for this tier alone
    filled: str,
    behind: Backstage,
) -> None:
    console = Console(browser, filled)
    console.sign_in()
    make(console, "Everyone")
    console.page.get_by_role("link", name="Files", exact=True).click()
    console.page.evaluate(_KEEP)
    rows = (f"member-{one:07},{'x' * 1000}\n" for one in range(LARGE // 1000))
    choose(console, f"id,note\n{''.join(rows)}".encode(), review=False)
    assert console.page.evaluate("sessionStorage.said") == "0 % sent;43 % sent;87 % sent;"
    behind.settle()
    console.shows("Applied")
    assert console.said == []
    console.close()

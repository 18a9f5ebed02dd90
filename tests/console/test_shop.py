"""Databases, people and rules in a browser, with its scripts and without."""

from __future__ import annotations

from playwright import sync_api as playwright

from tests import customer as customers
from tests.console.backstage import Backstage
from tests.console.conftest import Console


def test_database__connected__becomes_a_cohort(
    console: Console, behind: Backstage, database: customers.Customer
) -> None:
    page = console.page
    slug = "eu" if console.scripts else "us"
    console.open("/new-source/postgresql")
    page.get_by_label("Slug").fill(slug)
    for label, value in (("Host", "host"), ("Port", "port"), ("Database", "database")):
        page.get_by_label(label).first.fill(str(database.config()[value]))
    page.get_by_label("User").fill(database.reader)
    page.get_by_label("TLS").select_option("disable")
    page.get_by_label("Password").fill(customers.PASSWORD)
    console.press("Create")
    page.get_by_role("link", name="Open the source").click()
    console.press("Test")
    console.says("the role may only read")
    page.get_by_role("link", name="Create a cohort").click()
    page.get_by_label("Name", exact=True).fill(f"Users of {slug}")
    page.get_by_label("Query").fill("SELECT id, plan FROM shop.users")
    if console.scripts:
        page.get_by_text("Tables and columns").click()
        console.says("shop.users")
    console.press("Preview")
    console.says("3 rows in")
    page.get_by_label("Member id").fill("id")
    console.press("Create")
    console.says("The cohort is made.")
    behind.settle()
    page.get_by_role("link", name="Loads").click()
    console.shows("Applied")
    page.get_by_label("Show me what would change first").check()
    console.press("Run now")
    behind.settle()
    console.shows("Is this right?")
    console.press("Approve")
    console.says("The file is approved")


def test_rule__built__is_run_saved_and_explained(console: Console) -> None:
    page = console.page
    console.open("/rules")
    page.get_by_label("Event").fill("purchase")
    console.press("Add a condition")
    page.get_by_label("Property", exact=True).fill("brand")
    page.get_by_label("Value", exact=True).fill("Acme")
    if console.scripts:
        offered = page.locator("datalist option[value=brand]")
        playwright.expect(offered.first).to_be_attached()
        playwright.expect(page.locator("datalist option[value=Acme]").first).to_be_attached()
    page.get_by_label("how often, how it compares").select_option("gte")
    page.get_by_label("how often, number").fill("2")
    console.press("Add a trait")
    trait = page.locator("[id='r.1']")
    trait.get_by_label("Property", exact=True).fill("plan")
    trait.get_by_label("Value", exact=True).fill("pro")
    page.get_by_role("button", name="Run", exact=True).last.click()
    console.says("People found")
    page.get_by_label("Id of the person").fill("c-003")
    console.press("Explain")
    console.says("c-003 meets the rule")
    name = f"Acme, {'scripted' if console.scripts else 'plain'}"
    page.get_by_label("Name of the cohort").fill(name)
    console.press("Save as a cohort")
    console.says("The cohort is made.")
    page.get_by_role("link", name="Rule", exact=True).click()
    console.says("Did purchase at least 2 times at any time, where brand is “Acme”")
    page.get_by_label("Id of the person").fill("c-002")
    console.press("Explain")
    console.says("The rule does not hold now")


def test_person__found_by_email__is_erased(console: Console) -> None:
    number = 30 if console.scripts else 31
    console.open("/people")
    console.page.get_by_role("searchbox").fill(f"Customer.{number}@example.com")
    console.press("Find")
    console.page.get_by_role("link", name=f"c-0{number}").click()
    console.says("purchase")
    console.page.get_by_text("Erase…").click()
    console.press("Erase, with 3 events")
    console.says("The person is erased everywhere.")
    console.open("/events?only=rejected")
    console.says("Rejected")

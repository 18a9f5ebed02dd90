"""What the tests of the console may ask for: a browser, and a gateway with a week of history."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy
from playwright import sync_api as playwright

from gateway.core.access.scopes import Scope
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from tests import conftest as base
from tests import customer as customers
from tests import front
from tests.console import backstage, filling
from tests.console.backstage import Backstage
from tests.customer import Customer
from tests.http import serving
from tests.http.world import KEYS

ROOT: Final = Path(__file__).resolve().parents[2]
# Pictures of every page, for people to look at; the folder is no part of the repository.
PICTURES: Final = ROOT / ".tiers" / "pictures"


class Console:
    """A browser with cookies of its own, and what it said and asked for."""

    def __init__(
        self,
        browser: Any,  # noqa: ANN401 - playwright is installed for this tier alone
        url: str,
        *,
        width: int = 1440,
        **options: object,
    ) -> None:
        self._url = url
        self.scripts = options.get("java_script_enabled", True)
        self._context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = self._context.new_page()
        self.said: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.set_default_timeout(15_000)

    def open(self, path: str) -> None:
        self.page.goto(f"{self._url}/console{path}")

    def sign_in(self, scope: Scope = Scope.ADMIN) -> None:
        self.open("/sign-in")
        self.page.get_by_label("API key").fill(KEYS[scope])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def says(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.page.get_by_text(text).filter(visible=True).first.wait_for()

    def first(self, path: str) -> str:
        """Return the path of what a list begins with."""
        self.open(path)
        href: str = self.page.locator("tbody th a").first.get_attribute("href")
        return href.removeprefix("/console")

    def shows(self, text: str) -> None:
        """Wait until the page shows a text, which has to be asked for again without scripts."""
        for _ in range(20):
            if self.page.get_by_text(text).filter(visible=True).count():
                return
            self.page.wait_for_timeout(250)
            if not self.scripts:
                self.page.reload()
        self.says(text)

    def close(self) -> None:
        self._context.close()

    def _note(self, url: str) -> None:
        if not url.startswith(f"{self._url}/"):
            self.elsewhere.append(url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    with playwright.sync_playwright() as driver:
        command = shutil.which("chromium")
        assert command, "there is no chromium; bin/ci-packages installs it"
        running = driver.chromium.launch(executable_path=command, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def database(database_url: str) -> Iterator[Customer]:
    """Make the database of a customer, at a port that is not that of the gateway's own."""
    with (
        customers.database(database_url, "customer_console") as made,
        front.without_options(database_url) as (reached, _),
    ):
        yield dataclasses.replace(made, port=sqlalchemy.make_url(reached).port or 0)


@pytest.fixture(scope="session")
def filled(
    shared_pool: Pool,
    database_url: str,
    database: Customer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Run the web process of production on a database with a week of history.

    Once for the run, as that takes most of its time: `test_all_pages` comes first, by its name, and
    what other tests make has names of their own.
    """
    made = filling.fill(shared_pool, database_url, database)
    folder = tmp_path_factory.mktemp("web")
    with serving.serving(database_url, folder, **backstage.SETTINGS) as web:
        yield f"http://127.0.0.1:{web.port}"
    given: deps.Deps = made.extensions[deps.EXTENSION]
    given.reading.close()
    given.accepting.close()
    base.empty(shared_pool)


@pytest.fixture
def behind(shared_pool: Pool) -> Iterator[Backstage]:
    """Lend the processes that work behind the pages."""
    with backstage.opened(shared_pool) as made:
        yield made


@pytest.fixture(params=[True, False], ids=["with-scripts", "without"])
def console(request: pytest.FixtureRequest, browser: Any, filled: str) -> Iterator[Console]:  # noqa: ANN401
    """Sign in as an administrator; in the end nothing has gone wrong and nothing went elsewhere."""
    opened = Console(browser, filled, java_script_enabled=request.param)
    opened.sign_in()
    yield opened
    assert opened.said == []
    assert opened.elsewhere == []
    opened.close()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Make the folder of pictures anew."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    return PICTURES

"""The commands for lists and their cohorts."""

from __future__ import annotations

import pathlib
from typing import Protocol

import pytest

from gateway.store.db.engine import Pool
from tests.e2e.command import Done, run


class Typed(Protocol):
    """A command typed where DATABASE_URL is set."""

    def __call__(self, *arguments: str, **environ: str) -> Done:
        """Run it."""


@pytest.fixture
def typed(pool: Pool, database_url: str, tmp_path: pathlib.Path) -> Typed:
    """Run commands on the database of the test, which is empty."""
    del pool

    def on_the_database(*arguments: str, **environ: str) -> Done:
        ours = {"DATABASE_URL": database_url, "GATEWAY_DATA_DIR": str(tmp_path)}
        return run(*arguments, **ours, **environ)

    return on_the_database


def test_lists__made_and_changed__are_what_the_api_shows(typed: Typed) -> None:
    assert typed("source", "add", "crm", "--kind", "list").code == 0
    wrong = typed("source", "add", "other", "--kind", "list", "--no-auth")
    assert (wrong.code, "kind mixpanel" in wrong.err) == (2, True)
    assert "no such kind" in typed("source", "add", "other", "--kind", "fax").err
    (found,) = typed("source", "list", "--json").document()
    assert (found["kind"], "webhook_path" in found) == ("list", False)
    row = typed("source", "list").out.splitlines()[1].split()
    assert row == ["crm", "active", "list", "-", "-", "0", "-"]

    of_crm = ("--source", "crm", "--json")
    made = typed("cohort", "create", "VIPs", "--from-members", "7", *of_crm).document()
    assert made["guard"] == {"shrink_percent": 50, "from_members": 7}
    again = typed("cohort", "create", "x", "--external-id", made["external_id"], "--source", "crm")
    assert (again.code, "external_id" in again.err) == (1, True)
    assert "no such source" in typed("cohort", "create", "x", "--source", "nowhere").err
    assert "not blank" in typed("cohort", "create", " ", "--source", "crm").err
    changed = typed(
        "cohort", "change", made["id"], "--name", "Trials", "--description", "d", "--no-guard"
    )
    assert changed.code == 0
    found = typed("cohort", "list", "--search", "TRIAL", "--kind", "list", "--json").document()
    (only,) = found["cohorts"]
    assert (only["name"], only["description"], only["guard"]) == ("Trials", "d", None)
    for options in ((), ("--no-guard", "--shrink-percent", "5")):
        assert typed("cohort", "change", made["id"], *options).code == 2
    assert typed("cohort", "delete", made["id"], "--yes").code == 0
    assert "there again, empty" in typed("cohort", "restore", made["id"]).out


def test_loads__asked_for_by_state_and_mode__take_the_words_of_the_api(typed: Typed) -> None:
    assert "[replace|add|remove]" in typed("upload", "--help").out
    assert typed("load", "list", "--state", "needs_approval").code == 0
    assert typed("load", "list", "--state", "NEEDS_APPROVAL").code == 2

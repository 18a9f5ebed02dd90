"""The commands that look at a running gateway, compared with what its API says."""

from __future__ import annotations

from typing import Protocol

import pytest
import sqlalchemy as sa

from tests.e2e.command import Done, add, run
from tests.stack import PROJECT, Stack


class Typed(Protocol):
    """A command typed beside the gateway."""

    def __call__(self, *arguments: str) -> Done:
        """Run it."""


@pytest.fixture
def typed(stack: Stack) -> Typed:
    """Run commands beside the gateway."""
    beside = {"GATEWAY_DATA_DIR": str(stack.data_dir), "PORT": str(stack.port)}
    return lambda *arguments: run(*arguments, **beside)


def test_cohort__shown_deleted_and_restored__is_what_the_api_says(
    typed: Typed, stack: Stack
) -> None:
    typed("source", "add", "shown", "--no-auth")
    assert add(stack, "shown", None, ["ada", "-odd"], "c1") == 200
    stack.settle()
    (found,) = stack.api("/v1/cohorts", source="shown").json["cohorts"]
    assert typed("cohort", "list", "--source", "shown", "--json").document() == {"cohorts": [found]}
    row = typed("cohort", "list", "--source", "shown").out.splitlines()[1].split()
    assert row[:5] == [found["id"], "shown", PROJECT, "live", "2"]
    shown = typed("cohort", "show", found["id"], "--json").document()
    (sync,) = shown.pop("syncs")
    assert (shown, sync["entered"]) == (found, 2)
    assert "add_members  applied" in typed("cohort", "show", found["id"]).out
    refused = typed("cohort", "delete", found["id"])
    assert (refused.code, "--yes" in refused.err) == (1, True)
    assert typed("cohort", "delete", found["id"], "--yes").code == 0
    assert typed("cohort", "show", found["id"]).code == 1
    assert typed("cohort", "list", "--source", "shown", "--json").document() == {"cohorts": []}
    (gone,) = typed("cohort", "list", "--source", "shown", "--deleted", "--json").document()[
        "cohorts"
    ]
    assert (gone["id"], gone["deleted_at"][-1]) == (found["id"], "Z")
    assert " live " in typed("cohort", "list", "--deleted").out
    assert typed("cohort", "restore", found["id"], "--json").document()["deleted"] is False
    assert stack.api(f"/v1/cohorts/{found['id']}").json["member_count"] == 0
    assert typed("cohort", "show", "nonsense").code == 1


def test_member__shown__is_in_the_cohorts_that_the_api_says(typed: Typed, stack: Stack) -> None:
    assert typed("source", "add", "crowd", "--no-auth").code == 0
    assert add(stack, "crowd", None, ["-ida"], "m1") == 200
    stack.settle()
    (one,) = typed("member", "show", "--json", "--", "-ida").document()["cohorts"]
    (found,) = stack.api("/v1/members/-ida/cohorts").json["cohorts"]
    assert {**one, "entered_at": None} == {**found, "entered_at": None}
    assert " crowd " in typed("member", "show", "--", "-ida").out
    (full,) = typed("member", "show", "--profile", "--json", "--", "-ida").document()["cohorts"]
    assert full["profile"]["member_id"] == "-ida"
    assert '"member_id"' in typed("member", "show", "--profile", "--", "-ida").out
    stranger = typed("member", "show", "stranger", "--json").document()
    assert stranger == {"member_id": "stranger", "cohorts": []}
    assert typed("member", "show", " ").code == 1


def test_status__is_what_the_api_says(typed: Typed, stack: Stack) -> None:
    stack.settle()
    shown, asked = typed("status", "--json").document(), stack.api("/v1/status").json
    assert {name: shown[name] for name in ("version", "workers_alive", "redis")} == {
        name: asked[name] for name in ("version", "workers_alive", "redis")
    }
    assert set(asked) <= set(shown)
    assert "pending deliveries      0" in typed("status").out


def test_database__shown__has_transactions_connections_and_tables(
    typed: Typed, stack: Stack
) -> None:
    with stack.pool() as pool, pool.engine.connect() as holder:
        pid = holder.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        found = typed("database", "show", "--json").document()
        assert pid in [one["pid"] for one in found["transactions"]]
        assert found["connections"] != []
        assert "deliveries" in [one["name"] for one in found["tables"]]
        assert f"{pid} " in typed("database", "show").out
        assert typed("database", "end", str(pid)).code == 0
        holder.invalidate()
    gone = typed("database", "end", str(pid))
    assert (gone.code, "no other session" in gone.err) == (1, True)

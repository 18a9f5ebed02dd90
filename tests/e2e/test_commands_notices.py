"""The command that tries channels of notices, as an operator types it."""

from __future__ import annotations

from gateway.store.db.engine import Pool
from tests.destinations import servers
from tests.e2e.command import run

PASSWORD = "a-password-in-an-address"


def test_notices_test__of_channels__says_which_took_the_message(
    pool: Pool, database_url: str
) -> None:
    del pool  # empties the database afterwards
    service = servers.Scripted(servers.Said())
    with servers.serving(service) as url:
        here = {
            "DATABASE_URL": database_url,
            "GATEWAY_NOTIFY": f"ops={url.replace('http://', 'json://')}\n"
            f"down=json://user:{PASSWORD}@127.0.0.1:1",
        }
        taken = run("notices", "test", "ops", **here)
        assert (taken.code, taken.out) == (0, "ops: it was taken\n")
        both = run("notices", "test", "--json", **here)
    assert both.code == 1
    assert [one["ok"] for one in both.document()["channels"]] == [False, True]
    assert both.err.startswith("error: not taken by down")
    assert PASSWORD not in both.out + both.err
    assert len(service.asked) == 2
    assert "GATEWAY_NOTIFY" in run("notices", "test", DATABASE_URL=database_url).err

"""The commands of destinations, as an operator types them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from gateway.store.db.engine import Pool
from tests.e2e.command import Done, run
from tests.syncs import receiver

KEY = "o" * 32
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


def test_destination__from_its_making_to_its_end__is_said(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    del pool  # empties the database afterwards
    (tmp_path / "secret").write_text(f"{SECRET}\n")

    def typed(*arguments: str, key: str = KEY) -> Done:
        here = {
            "DATABASE_URL": database_url,
            "GATEWAY_DATA_DIR": str(tmp_path),
            "GATEWAY_SECRET_KEY": key,
            "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "127.0.0.0/8",
        }
        return run(*arguments, **here)

    with receiver.serving(lambda _: (405, {}, b"")) as url:
        secret = f"secret={tmp_path / 'secret'}"
        added = typed(
            *("destination", "add", "crm", "--kind", "webhook"),
            *("--set", f"url={url}", "--set", "batch=5", "--secret", secret),
        )
        assert added.code == 0, added.err
        assert "destination test crm" in added.out
        assert typed("destination", "test", "crm").code == 0
        tried = typed("destination", "test", "crm", "--json").document()
        assert [one["step"] for one in tried["steps"]] == ["configuration", "connect"]
    assert typed("destination", "test", "crm").err.startswith("error: the step connect failed")
    (listed,) = json.loads(typed("destination", "list", "--json").out)
    assert (listed["slug"], listed["config"]["batch"]) == ("crm", 5)
    assert SECRET not in str(listed)
    assert typed("destination", "pause", "crm").code == 0
    assert "paused" in typed("destination", "list").out
    assert typed("destination", "resume", "crm", "--json").document()["paused"] is False
    done = typed("secrets", "rotate", "--json", key=f"{'n' * 32},{KEY}")
    assert done.document() == {"resealed": 1, "newest": 0, "unreadable": 0}
    assert typed("destination", "add", "b", "--kind", "webhook", "--set", "url").code == 2
    assert typed("destination", "remove", "crm", "--yes").code == 0
    assert "destination list" in typed("destination", "pause", "crm").err

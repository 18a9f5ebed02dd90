"""The command that sets where recorded actions are sent, as an operator types it."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.core import moments
from gateway.flows.sources import admin
from gateway.store.db.engine import Pool
from tests.e2e.command import run
from tests.syncs import project
from tests.syncs.branch import ENVIRON


def test_source_import__of_a_source__sets_changes_and_ends_the_forwarding(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    admin.add(pool, admin.Wanted(slug="shop"), now=moments.now())
    file = tmp_path / "secret"
    file.write_text(f"{project.SECRET}\n")
    here = {"DATABASE_URL": database_url, **ENVIRON}

    def forwarded() -> object:
        return json.loads(run("source", "list", "--json", **here).out)[0]["import"]

    given = ["--project", "7", "--service-account", project.ACCOUNT]
    assert "import_secret: is missing" in run("source", "import", "shop", *given, **here).err
    done = run("source", "import", "shop", *given, "--secret-file", str(file), **here)
    assert (done.code, "sent to Mixpanel from now on" in done.out) == (0, True)
    wanted = {"project_id": "7", "service_account": project.ACCOUNT}
    assert forwarded() == {**wanted, "endpoint": "https://api.mixpanel.com"}
    other = ["--endpoint", "https://api-eu.mixpanel.com"]
    refused = run("source", "import", "shop", *other, **here)
    assert (refused.code, "send it again" in refused.err) == (1, True)
    done = run("source", "import", "shop", *other, "--secret-file", str(file), "--json", **here)
    assert done.document() == {"slug": "shop", "forwarding": True}
    assert forwarded() == {**wanted, "endpoint": "https://api-eu.mixpanel.com"}
    ended = run("source", "import", "shop", "--off", **here)
    assert (ended.code, "forwarded no more" in ended.out) == (0, True)
    assert forwarded() is None
    for wrong in ([], ["--off", "--project", "7"]):
        assert run("source", "import", "shop", *wrong, **here).code == 2
    assert run("source", "import", "none", *given, **here).code == 1
    assert project.SECRET not in done.out + done.err + refused.err

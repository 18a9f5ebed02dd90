"""Every procedure of the runbook, carried out on a running gateway with the runbook's commands.

Some move the gateway to another database and version, and leave it there: they come last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.store.db import schema_version
from tests.deploy import manual, trouble
from tests.deploy.production import PROGRAMS, Production
from tests.deploy.sender import Sender
from tests.e2e import documents
from tests.stack import PASSWORD, free_port, is_ready, until

PROCEDURES = {
    "Ask Mixpanel for a full sync",
    "Mixpanel paused our sync",
    "Rotate credentials without a pause",
    "Move databases",
    "Restore from backup",
    "Upgrade without downtime",
    "A poison page",
    "A wrong deletion",
    "Erase a person",
}
SHOP = "/webhooks/mixpanel/shop"

NEW_MIGRATION = '''"""What the next version adds."""
from alembic import op
revision, down_revision = "9999", "{head}"
branch_labels = depends_on = None
def upgrade() -> None:
    op.execute("CREATE TABLE of_the_next_version (id bigint)")
'''


@pytest.fixture(scope="module")
def other_server(installation: Production) -> str:
    """Run a second Postgres, which is still empty; its address."""
    return installation.start_server("postgres 2", "other")


def test_runbook__its_procedures__are_all_tried_here() -> None:
    procedures = list(manual.sections())
    assert {*procedures[procedures.index("Procedures") + 1 :]} == PROCEDURES


def test_before_you_begin__its_commands__work(installation: Production) -> None:
    begin, end, check = manual.blocks("Before you begin")
    assert "postgres: PostgreSQL" in installation.type_in(check)
    assert " runbook " in installation.type_in("python -m gateway key list")
    installation.type_in(end)
    assert "401" in installation.type_in(
        'curl -sS -H "Authorization: Bearer $KEY" $GATEWAY/v1/status'
    )
    installation.type_in(begin)


def test_paused_sync__with_a_wrong_password__is_found_and_resumed(
    installation: Production, tmp_path: Path
) -> None:
    heading = "Mixpanel paused our sync"
    assert installation.post(["a"], cohort="paused") == 200
    assert installation.post(["b"], cohort="paused", password="in-mixpanel") == 401
    until(lambda: '"page.refused"' in installation.log("web").read_text())
    said = installation.log("web").read_text().splitlines()
    # libpq itself writes a line where the server ends a connection that is just being opened.
    lines = [json.loads(one) for one in said if one.startswith("{")]
    refusal = [one for one in lines if one["event"] == "page.refused"][-1]
    assert (refusal["status"], refusal["source"]) == (401, "default")
    assert "wrong or missing user name or password" in refusal["reason"]
    (tmp_path / "password").write_text("in-mixpanel\n")
    see, mend, come = manual.blocks(heading)
    assert "default" in installation.type_in(see)
    filled = {"SOURCE": "default", "PASSWORD_FILE": str(tmp_path / "password")}
    installation.type_with(mend, **filled)
    before = last_synced(installation, come, filled, "paused")
    assert installation.post(["b"], cohort="paused", password="in-mixpanel") == 200
    assert installation.post(["c"], cohort="paused", password=PASSWORD) == 200
    assert last_synced(installation, come, filled, "paused") > before
    installation.type_in(manual.block("GatewaySyncPaused"))


def last_synced(
    installation: Production, block: str, filled: dict[str, str], external_id: str
) -> str:
    """Do what shows the cohorts of a source, and return when one was heard of."""
    shown = json.loads(installation.type_with(block, **filled))["cohorts"]
    return str(next(one["last_synced_at"] for one in shown if one["external_id"] == external_id))


def test_credentials__rotated_while_pages_come__are_refused_never(
    installation: Production,
) -> None:
    heading = "Rotate credentials without a pause"
    rotate, see = manual.blocks(heading, "The password of a source")
    sender = Sender(installation, "rotated")
    with sender.sending():
        said = installation.type_with(rotate, SOURCE="default")
        new = re.findall(r"Password +(\S+)", said)[0]
        assert installation.post(["new"], cohort="rotated", password=new) == 200
        assert "mixpanel until " in installation.type_in(see)
    assert sender.answers == {}
    add, revoke = manual.blocks(heading, "A key of the API")
    said = installation.type_in(add)
    key = said.splitlines()[0]
    old = installation.login() | {"Authorization": f"Bearer {key}"}
    assert installation.get("/v1/status", old).status == 200
    installation.type_with(revoke, OLD_KEY="crm-2")
    until(lambda: installation.get("/v1/status", old).status == 401)


def test_password_of_postgres__changed_while_pages_come__loses_none(
    installation: Production, tmp_path: Path
) -> None:
    change = manual.block("Rotate credentials without a pause", "The password of Postgres")
    url = installation.settings["DATABASE_URL"]
    old = url.split(":")[2].split("@")[0]
    file = tmp_path / "password"
    sender = Sender(installation, "password")
    with sender.sending():
        file.write_text("new-of-postgres\n")
        installation.type_with(change, PASSWORD_FILE=str(file))
        installation.configure(DATABASE_URL=url.replace(old, "new-of-postgres"))
        installation.restart("scheduler", "worker", "web")
    installation.await_applied()
    assert set(sender.answers) <= {0, 503}
    assert installation.members("password") == {*sender.sent}
    file.write_text(old)
    installation.type_with(change, PASSWORD_FILE=str(file))
    installation.configure(DATABASE_URL=url)
    installation.restart("scheduler", "worker", "web")


def test_databases__moved_while_pages_come__lose_none(
    installation: Production, other_server: str, tmp_path: Path
) -> None:
    heading = "Move databases"
    filled = {
        "SOURCE": "default",
        "NEW_DATABASE_URL": other_server,
        "BACKUP": str(tmp_path / "backup"),
    }
    sender = Sender(installation, "moved")
    old = installation.settings["DATABASE_URL"]
    with sender.sending():
        installation.type_with(manual.block(heading, "1. Let pages wait"), **filled)
        until(lambda: installation.succeeds(manual.block(heading, "2. Let what was")))
        installation.stop("worker", "scheduler")
        installation.type_with(manual.block(heading, "3. Copy"), **filled)
        said = installation.type_with(manual.block(heading, "4. Look"), **filled)
        assert "error" not in said
        installation.configure(DATABASE_URL=other_server)
        installation.restart("scheduler", "worker", "web")
        installation.type_with(manual.block(heading, "5. Set"), **filled)
    installation.configure(NEW_DATABASE_URL=old)
    installation.stop("postgres")
    installation.await_applied()
    assert set(sender.answers) <= {0, 503}
    assert installation.members("moved") == {*sender.sent}
    installation.parts["postgres"].release()
    installation.parts["postgres"].await_running()


def test_backup__restored__needs_the_full_sync_that_the_runbook_asks_for(
    installation: Production, tmp_path: Path
) -> None:
    heading, backup = "Restore from backup", tmp_path / "backup"
    assert installation.post(["a", "b"], cohort="restored", action="members") == 200
    installation.await_applied()
    dump = manual.block("Move databases", "3. Copy").splitlines()[0]
    installation.type_with(dump, BACKUP=str(backup))
    assert installation.post(["c"], cohort="restored") == 200
    assert installation.post(["a"], cohort="restored", action="remove_members") == 200
    installation.await_applied()
    installation.type_in('psql "$DATABASE_URL" -qc "CREATE DATABASE restored"')
    new = installation.settings["DATABASE_URL"].rpartition("/")[0] + "/restored"
    installation.stop("worker", "scheduler", "web")
    filled = {"NEW_DATABASE_URL": new, "BACKUP": str(backup)}
    assert "The epoch is " in installation.type_with(manual.block(heading, "1. Restore"), **filled)
    installation.configure(DATABASE_URL=new)
    installation.restart("scheduler", "worker", "web")
    listed = installation.type_in(manual.block(heading, "4. Ask"))
    assert '"external_id":"restored"' in listed.replace(" ", "")
    assert installation.post(["d"], cohort="restored") == 200  # a difference, as Mixpanel goes on
    installation.await_applied()
    assert installation.members("restored") == {"a", "b", "d"}  # wrong: neither c came nor a left
    assert installation.post(["b", "c", "d"], cohort="restored", action="members") == 200
    until(lambda: installation.members("restored") == {"b", "c", "d"})
    shown = installation.type_with(
        manual.block("Ask Mixpanel for a full sync"), COHORT=installation.cohort_id("restored")
    )
    (newest, *_) = json.loads(shown)["syncs"]
    assert (newest["action"], newest["state"]) == ("members", "applied")


def test_poison_page__mended_or_overtaken__is_put_away(installation: Production) -> None:
    heading = "A poison page"
    see, again, over = manual.blocks(heading)
    with trouble.poisoned(installation, "poison-1") as mend:
        shown = json.loads(installation.type_in(see))["deliveries"]
        assert [one["state"] for one in shown] == ["blocked"]
        installation.type_in(again)
        installation.await_applied()
        assert not installation.succeeds(over)  # nothing was mended yet
        mend()
        installation.type_in(again)
        until(lambda: installation.succeeds(over))
    assert installation.members("poison-1") == {"a", "b"}
    with trouble.poisoned(installation, "poison-2"):
        assert installation.post(["c", "d"], cohort="poison-2", action="members") == 200
        installation.await_applied()
        assert installation.members("poison-2") == {"c", "d"}
        installation.type_in(again)
        until(lambda: installation.succeeds(over))
    assert installation.members("poison-2") == {"c", "d"}


def test_deletion__of_a_cohort_by_mistake__is_undone_by_a_full_sync(
    installation: Production,
) -> None:
    heading = "A wrong deletion"
    assert installation.post(["a", "b"], cohort="deleted") == 200
    installation.await_applied()
    cohort = installation.cohort_id("deleted")
    installation.type_in(
        f'curl -fsS -X DELETE -H "Authorization: Bearer $KEY" "$GATEWAY/v1/cohorts/{cohort}"'
    )
    assert installation.post(["c"], cohort="deleted") == 404
    found = installation.type_in(manual.block(heading, "1. Find it")).splitlines()[1].split()
    assert found[:2] == [cohort, "default"]
    installation.type_with(manual.block(heading, "2. Restore it"), COHORT=cohort)
    assert installation.post(["a", "b", "c"], cohort="deleted", action="members") == 200
    until(lambda: installation.members("deleted") == {"a", "b", "c"})
    assert installation.cohort_id("deleted") == cohort


def test_deletion__of_a_source_by_mistake__is_undone_under_its_url(
    installation: Production, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    filled = {"SOURCE": "shop", "PASSWORD_FILE": str(tmp_path / "password")}
    add = manual.block("A wrong deletion", "A source.")
    installation.type_with(add, **filled)
    assert installation.post(["a"], cohort="shop-1", path=SHOP) == 200
    installation.type_in("python -m gateway source remove shop --yes")
    assert installation.post(["a"], cohort="shop-1", path=SHOP) == 404
    installation.type_with(add, **filled)
    assert installation.post(["a", "b"], cohort="shop-1", path=SHOP, action="members") == 200
    until(lambda: installation.members("shop-1") == {"a", "b"})


def test_person__erased__is_in_no_cohort(installation: Production) -> None:
    heading = "Erase a person"
    assert installation.post(["ada", "grace"], cohort="erased") == 200
    installation.await_applied()
    over = manual.block(heading, "Over when")
    assert not installation.succeeds(over, PERSON="ada")
    installation.type_with(manual.block(heading, "2. Erase"), PERSON="ada")
    assert installation.succeeds(over, PERSON="ada")
    assert installation.members("erased") == {"grace"}


@pytest.fixture
def second_port(installation: Production) -> Iterator[int]:
    """Run a second web instance beside the first; its port."""
    port = free_port()
    installation.add("web 2", PROGRAMS["web"], PORT=str(port))
    until(lambda: is_ready(port))
    yield port
    installation.stop("web 2")


def test_upgrade__while_pages_come__refuses_none_for_long(
    installation: Production, second_port: int
) -> None:
    heading = "Upgrade without downtime"
    filled, over = {"NEW_VERSION": "99.0.0"}, manual.block(heading, "Over when")
    sender = Sender(installation, "upgraded", installation.port, second_port)
    with sender.sending():
        install_next_version(installation)
        installation.type_in(manual.block(heading, "1. Migrate"))
        assert not installation.succeeds(over, **filled)
        installation.restart("web")
        installation.type_in(manual.block(heading, "2. Restart"))
        installation.restart("web 2")
        until(lambda: is_ready(second_port))
        for port in (second_port, installation.port):
            installation.type_with(over, **filled, GATEWAY=f"http://127.0.0.1:{port}")
        installation.restart("scheduler", "worker")
    installation.await_applied()
    assert set(sender.answers) <= {503}
    assert installation.members("upgraded") == {*sender.sent}
    with installation.pool() as pool, pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM of_the_next_version")).scalar_one() == 0


def install_next_version(installation: Production) -> None:
    """Put a version with a migration of its own into the folder, as a deploy does."""
    installation.edit("gateway/__init__.py", *version_lines())
    folder = "gateway/store/migrations/versions"
    installation.write(f"{folder}/9999_next.py", NEW_MIGRATION.format(head=schema_version.head()))


def version_lines() -> tuple[str, str]:
    """Return the line that names the version, and that of the next one."""
    line = re.findall(r"^__version__.*$", documents.read("gateway/__init__.py"), re.MULTILINE)[0]
    return line, '__version__ = "99.0.0"'

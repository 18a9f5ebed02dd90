"""Where recorded actions are sent, as it is set, tested and shown over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.access.scopes import Scope
from gateway.flows.health import installation
from gateway.flows.notices import watch
from gateway.settings import Settings
from gateway.store.notices import outbox
from tests.http.console import Visitor, text
from tests.http.scrape import parse
from tests.syncs import project
from tests.syncs.branch import SOURCE, Branch

IMPORT = {"project_id": project.PROJECT, "service_account": project.ACCOUNT}


def refused(branch: Branch, body: object, path: str = SOURCE, method: str = "PATCH") -> Any:  # noqa: ANN401 - JSON
    answer = branch.call(method, path, json=body)
    assert answer.status_code == 422, answer.text
    return answer.get_json()


def test_kind__of_mixpanel__describes_where_actions_go(branch: Branch) -> None:
    kinds = {one["kind"]: one for one in branch.get("/v1/source-kinds")["kinds"]}
    described = kinds["mixpanel"]["config"]["properties"]["import"]
    assert described["type"] == ["object", "null"]
    assert described["required"] == ["project_id", "service_account"]
    assert described["additionalProperties"] is False
    assert described["properties"]["endpoint"]["default"] == "https://api.mixpanel.com"
    assert kinds["mixpanel"]["secrets"]["properties"]["import_secret"]["writeOnly"] is True


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ("x", "config.import"),
        ({}, "config.import.project_id"),
        ({"project_id": "1"}, "config.import.service_account"),
        ({**IMPORT, "more": 1}, "config.import.more"),
        ({**IMPORT, "endpoint": "ftp://x"}, "config.import.endpoint"),
        ({**IMPORT, "endpoint": "https://user@x"}, "config.import.endpoint"),
        ({**IMPORT, "project_id": ""}, "config.import.project_id"),
    ],
)
def test_import__that_cannot_be__is_refused_by_its_path(
    branch: Branch, wrong: object, path: str
) -> None:
    error = refused(branch, {"config": {"import": wrong}})
    assert error["code"] == "invalid"
    assert path in [one["path"] for one in error["errors"]]


def test_import__without_its_secret__is_refused(branch: Branch) -> None:
    body = {"slug": "shop", "kind": "mixpanel", "config": {"import": IMPORT}}
    error = refused(branch, body, "/v1/sources", "POST")
    assert error["errors"][0]["path"] == "secrets.import_secret"
    error = refused(branch, {"secrets": {"import_secret": None}})
    assert error["errors"][0]["path"] == "secrets.import_secret"
    made = branch.call(
        "POST", "/v1/sources", json={**body, "secrets": {"import_secret": project.SECRET}}
    )
    assert made.status_code == 201, made.text
    shown = made.get_json()
    assert shown["config"]["import"] == {**IMPORT, "endpoint": "https://api.mixpanel.com"}
    assert set(shown["secrets"]["import_secret"]) == {"set_at"}
    assert shown["forwarding"] == {
        "state": "active",
        "waiting": 0,
        "oldest_at": None,
        "sent": 0,
        "rejected": 0,
        "last_sent_at": None,
        "next_try_at": None,
        "last_error": None,
    }


def test_endpoint__changed__needs_the_secret_again_and_nothing_else_does(branch: Branch) -> None:
    other = {**IMPORT, "endpoint": "https://api-eu.mixpanel.com"}
    assert refused(branch, {"config": {"import": other}})["code"] == "secrets_needed"
    here = {**IMPORT, "endpoint": branch.url}
    for body in (
        {"config": {"import": {**here, "project_id": "1"}}},
        {"config": {"project_ids": ["1"]}},
        {"config": {"import": None}},
    ):
        assert branch.call("PATCH", SOURCE, json=body).status_code == 200
    # Nothing carries the secret now, so it must come with whatever is to.
    assert refused(branch, {"config": {"import": here}})["code"] == "secrets_needed"
    branch.call("PATCH", SOURCE, json={"secrets": {"import_secret": None}})
    branch.configure()


def test_secret__of_the_service_account__is_in_no_answer_page_and_log(
    branch: Branch, capfd: pytest.CaptureFixture[str]
) -> None:
    branch.project.secret = "another"
    branch.act("ada")
    branch.configure(secret=project.SECRET)
    branch.send()
    test = branch.call("POST", f"{SOURCE}/test")
    source = branch.call("GET", SOURCE)
    page = Visitor(branch).get("/sources/default")
    metrics = branch.http.get("/metrics")
    said = [test.text, source.text, page.text, metrics.text, *capfd.readouterr()]
    assert not any(project.SECRET in one for one in said)


def test_source__tested__says_whether_mixpanel_accepts_it_and_lets_it_go_on(
    branch: Branch,
) -> None:
    branch.project.secret = "another"
    branch.configure(secret=project.SECRET)
    branch.act("ada")
    branch.send()
    assert branch.shown()["state"] == "stopped"
    found = branch.call("POST", f"{SOURCE}/test").get_json()
    assert (found["ok"], found["steps"][-1]["step"]) == (False, "sign_in")
    assert "Invalid credentials" in found["steps"][-1]["message"]
    assert branch.shown()["state"] == "stopped"
    branch.project.secret = project.SECRET
    found = branch.call("POST", f"{SOURCE}/test").get_json()
    assert (found["ok"], [one["step"] for one in found["steps"]]) == (
        True,
        ["configuration", "sign_in"],
    )
    assert branch.project.events == {}
    branch.send()
    assert branch.project.members == {"ada"}


@pytest.mark.parametrize(
    ("trouble", "said"), [("away", "does not answer"), (503, "HTTP 503"), (400, None)]
)
def test_source__tested_while_mixpanel_fails__says_so(
    branch: Branch, trouble: int | str, said: str | None
) -> None:
    branch.project.trouble = [trouble]
    found = branch.call("POST", f"{SOURCE}/test").get_json()
    assert found["ok"] == (said is None)
    assert (said or "") in found["steps"][-1]["message"]


def test_source__tested_with_a_secret_that_is_lost__says_so(branch: Branch) -> None:
    with branch.pool.begin() as conn:
        conn.exec_driver_sql("UPDATE source_secrets SET ciphertext = 'x'")
    (*_, last) = branch.call("POST", f"{SOURCE}/test").get_json()["steps"]
    assert (last["ok"], "secret_unreadable" in last["message"]) == (False, True)
    with branch.pool.begin() as conn:
        conn.exec_driver_sql("DELETE FROM source_secrets")
    (*_, last) = branch.call("POST", f"{SOURCE}/test").get_json()["steps"]
    assert (last["ok"], "is not set" in last["message"]) == (False, True)


def test_rejected_actions__of_no_source__are_404_and_need_a_key_that_reads(
    branch: Branch,
) -> None:
    assert branch.call("GET", "/v1/sources/none/rejected-actions").status_code == 404
    answer = branch.call("GET", f"{SOURCE}/rejected-actions", scope=Scope.INGEST)
    assert answer.status_code == 403
    assert branch.get(f"{SOURCE}/rejected-actions") == {"rejected": [], "next_cursor": None}


def test_metrics__of_forwarding__tell_what_waits_and_went(branch: Branch) -> None:
    branch.act("a", "none")
    branch.send()
    branch.project.trouble = [401]
    branch.act("b")
    branch.send()
    branch.clock.tick(minutes=7)
    page = parse(branch.http.get("/metrics").text)
    outcomes = [
        page.value("gateway_forwarded_actions_total", source="default", outcome=one)
        for one in ("sent", "rejected")
    ]
    assert outcomes == [1, 1]
    assert page.value("gateway_waiting_actions", source="default") == 1
    assert page.value("gateway_oldest_waiting_action_seconds", source="default") == 420


def test_notice__of_forwarding__comes_once_when_it_stops_and_once_when_it_is_well(
    branch: Branch,
) -> None:
    def told() -> list[str]:
        watch.tick(branch.pool, now=branch.clock(), every_seconds=0)
        with branch.pool.read() as conn:
            found = outbox.listing(conn, before=2**63 - 1, limit=10)
        return [one.body for one in reversed(found)]

    branch.act("ada")
    branch.project.trouble = [503, 401]
    branch.send()
    assert told() == [], "it is tried again"
    branch.clock.tick(minutes=6)
    line = "- Source default: its actions are not sent to Mixpanel, it is failing: unavailable"
    assert told() == [f"Needs attention:\n{line}"]
    branch.send()
    assert len(told()) == 1, "it is the same trouble"
    branch.configure()
    branch.send()
    assert told()[1:] == [f"Well again:\n{line}"]
    branch.project.trouble = [401]
    branch.act("bob")
    branch.send()
    assert "it is stopped: credentials" in told()[2]


def test_check__of_forwarding__tells_what_is_wrong_and_what_to_do(branch: Branch) -> None:
    def found() -> tuple[str, str]:
        findings = installation.installation(branch.pool, Settings(), now=branch.clock())
        (one,) = [one for one in findings if one.subject == "actions"]
        return one.level, f"{one.text}; {one.remedy}"

    assert found()[0] == "ok"
    branch.act("ada")
    branch.project.trouble = [503, 401]
    branch.send()
    assert found()[0] == "warning"
    branch.clock.tick(minutes=1)
    branch.send()
    level, said = found()
    assert level == "error"
    assert "1 actions of the source default are not sent: Mixpanel answers: trouble" in said
    assert "python -m gateway source test default" in said


def test_console__of_a_source__sets_where_actions_go_and_shows_how_it_fares(
    branch: Branch,
) -> None:
    visitor = Visitor(branch)
    branch.act("ada", "none")
    branch.send()
    said = visitor.page("/sources/default")
    assert "Actions sent to Mixpanel Working Waiting 0 Sent 1" in said
    assert "Refused actions mail.sent of none" in said
    form = {
        "kind": "mixpanel",
        "name": "Shop",
        "config.import.project_id": "",
        "config.import.service_account": "",
        "config.import.endpoint": branch.url,
    }
    assert visitor.post("/sources/default", **form).status_code == 303
    assert branch.get(SOURCE)["config"]["import"] is None
    assert "Actions sent to Mixpanel" not in visitor.page("/sources/default")
    form["config.import.project_id"] = project.PROJECT
    answer = visitor.post("/sources/default", **form)
    assert answer.status_code == 422
    assert "Service account" in text(answer)
    form |= {
        "config.import.service_account": project.ACCOUNT,
        "secrets.import_secret": project.SECRET,
    }
    assert visitor.post("/sources/default", **form).status_code == 303
    assert branch.get(SOURCE)["config"]["import"] == {**IMPORT, "endpoint": branch.url}
    form["config.import.endpoint"] = ""
    assert visitor.post("/sources/default", **form).status_code == 303
    endpoint = branch.get(SOURCE)["config"]["import"]["endpoint"]
    assert endpoint == "https://api.mixpanel.com"


def test_console__of_forwarding_that_fails__says_what_to_do_and_tests(branch: Branch) -> None:
    visitor = Visitor(branch)
    visitor.page("/sources/default")
    branch.project.trouble = [401]
    branch.act("bob")
    branch.send()
    assert "Correct the settings below" in visitor.page("/sources/default")
    assert "Mixpanel accepts the service account" in text(visitor.post("/sources/default/test"))
    branch.project.trouble = [503]
    branch.send()
    assert "it is tried again" in visitor.page("/sources/default")

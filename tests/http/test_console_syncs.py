"""Sync jobs in the console: made, looked at before they send, and followed run by run."""

from __future__ import annotations

import re
from typing import Final

import pytest

from gateway.flows.notices import watch
from gateway.handlers.http import deps
from tests import statements
from tests.http.console import Visitor, text
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_follow import SECRET

MAPPED: Final = {"map.id": "member_id", "map.email": "email"}
INLINE: Final = re.compile(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", re.IGNORECASE)


def person(member_id: str) -> dict[str, object]:
    return {"mixpanel_distinct_id": member_id, "email": f"{member_id}@x.io"}


def make(desk: Office, visitor: Visitor, **fields: str) -> str:
    """Make a job of the first cohort by the form, and return the path of its page."""
    cohort = desk.cohort_id()
    visitor.page(f"/new-sync-job/{cohort}/crm")
    answer = visitor.post(
        f"/new-sync-job/{cohort}/crm",
        **{"frequency": "5m", "mode": "mirror", **MAPPED, **fields},
        do="create",
    )
    assert answer.status_code == 303, text(answer)
    return answer.headers["Location"].removeprefix("/console").partition("?")[0]


def test_destination__in_use__names_its_jobs_and_is_not_removed(
    desk: Office, vendor: Vendor
) -> None:
    desk.fill([person("a")])
    visitor = Visitor(desk)
    make(desk, visitor)
    said = visitor.page("/destinations/crm")
    assert "1 sync job uses it" in said
    assert visitor.post("/destinations/crm/remove").status_code == 409
    assert vendor.calls == {}


def test_job__made_after_a_preview__keeps_the_cohort_there(desk: Office, vendor: Vendor) -> None:
    cohort = desk.fill([person("a"), person("b"), {"mixpanel_distinct_id": "c"}])
    visitor = Visitor(desk)
    assert "No sync jobs yet" in visitor.page("/sync-jobs")
    assert "1 default 3" in visitor.page("/new-sync-job")
    assert "crm" in visitor.page(f"/new-sync-job/{cohort}")
    page = visitor.get(f"/new-sync-job/{cohort}/crm").text
    assert re.search(r'name="map.email" value="email"', page)
    assert re.search(r'name="map.id" value="member_id"', page)
    sent = {"frequency": "5m", "mode": "mirror", **MAPPED, "do": "preview"}
    said = text(visitor.post(f"/new-sync-job/{cohort}/crm", **sent))
    assert "Add 3 Remove 0 Can be found there 100.0 %" in said
    assert "email 66.7 %" in said
    assert vendor.calls == {}
    path = make(desk, visitor)
    assert "First run" in visitor.page(path)
    desk.send()
    said = visitor.page(path)
    assert "Done 3 0 0 0" in said
    assert vendor.ids == {"a", "b", "c"}
    assert "Active" in visitor.page("/sync-jobs?state=active&destination=crm")
    assert "No sync job is like that" in visitor.page("/sync-jobs?state=stopped")
    assert "crm" in visitor.page(f"/cohorts/{cohort}/sync-jobs")
    said = visitor.page(f"{path}/runs/1")
    assert "Run 1 Done" in said
    assert "took" in said


def test_job__that_cannot_be_made__keeps_what_was_typed_and_leads_to_the_one_there_is(
    desk: Office, vendor: Vendor
) -> None:
    cohort = desk.fill([person("a")])
    visitor, path = Visitor(desk), f"/new-sync-job/{desk.cohort_id()}/crm"
    visitor.page(path)
    wrong = {"frequency": "5m", "mode": "mirror", "map.city": "nonsense", "suppress": "99"}
    answer = visitor.post(path, **wrong, consent="{")
    assert answer.status_code == 422
    assert "matches no person there" in text(answer)
    assert "must be properties.<name>" in text(answer)
    assert "there is no such cohort" in text(answer)
    assert 'value="nonsense"' in answer.text
    job = make(desk, visitor)
    answer = visitor.post(path, frequency="5m", mode="mirror", **MAPPED)
    assert answer.status_code == 409
    assert f'href="/console{job}"' in answer.text
    assert visitor.get(f"/new-sync-job/{cohort}/nowhere").status_code == 404
    assert visitor.get("/new-sync-job/999/crm").status_code == 404
    assert vendor.calls == {}


def test_job__to_a_webhook__maps_further_fields_and_takes_options(desk: Office) -> None:
    cohort = desk.fill([person("a")])
    config = {"url": "http://127.0.0.1:1/x"}
    desk.destination("webhook", config, {"secret": SECRET})
    visitor = Visitor(desk)
    path = make(
        desk,
        visitor,
        **{"map.member_id": "member_id", "options.start": "members", "consent": '{"x": 1}'},
        others="city = properties.city\r\n\r\nplan=properties.plan",
    )
    (job,) = desk.get("/v1/sync-jobs", cohort_id=cohort)["sync_jobs"]
    assert job["mapping"] == {
        "member_id": "member_id",
        "city": "properties.city",
        "plan": "properties.plan",
    }
    assert (job["options"]["start"], job["consent"]) == ("members", {"x": 1})
    assert "plan = properties.plan" in visitor.page(f"{path}/settings")


def test_job__changed_paused_run_and_deleted__does_what_was_asked(
    desk: Office, vendor: Vendor
) -> None:
    desk.fill([person("a"), person("b")])
    visitor = Visitor(desk)
    path = make(desk, visitor)
    desk.send()
    page = visitor.get(f"{path}/settings").text
    assert re.search(r'name="map.id" value="member_id"', page)
    changed = {"frequency": "1h", "mode": "add_only", "map.id": "member_id", "suppress": ""}
    assert visitor.post(f"{path}/settings", **changed).status_code == 303
    found = desk.shown(path.rpartition("/")[2])
    assert (found["frequency"], found["mapping"]) == ("1h", {"id": "member_id"})
    answer = visitor.post(f"{path}/settings", **{**changed, "map.id": ""})
    assert (answer.status_code, "matches no person" in text(answer)) == (422, True)
    visitor.post(f"{path}/pause")
    assert "Resume" in visitor.page(path)
    assert visitor.post(f"{path}/run").status_code == 409
    visitor.post(f"{path}/resume")
    for verb, trigger in (("run", "Asked for"), ("resync", "Everything anew")):
        assert visitor.post(f"{path}/{verb}").status_code == 303
        desk.send()
        assert trigger in visitor.page(path)
    answer = visitor.post(f"{path}/delete", do="remove")
    assert answer.headers["Location"] == f"/console{path}?done=job-emptying"
    desk.send()
    assert vendor.ids == set()
    assert visitor.get(path).status_code == 404
    path = make(desk, visitor)
    answer = visitor.post(f"{path}/delete")
    assert answer.headers["Location"] == "/console/sync-jobs?done=job-deleted"


def test_run__that_would_remove_many__waits_for_an_approval(desk: Office, vendor: Vendor) -> None:
    everyone = [person(f"p{number:03}") for number in range(120)]
    desk.fill(everyone)
    visitor = Visitor(desk)
    path = make(desk, visitor)
    desk.send()
    desk.clock.tick(minutes=6)
    desk.post("remove_members", [one["mixpanel_distinct_id"] for one in everyone[:90]], session="x")
    desk.apply()
    desk.send()
    assert len(vendor.ids) == 120
    needs = visitor.page("")
    assert "1 to crm A run would remove more than half of its members, and waits." in needs
    assert "Everything works" not in needs
    watch.tick(desk.pool, now=desk.clock(), every_seconds=0)
    notices = visitor.page("/notices")
    assert "Needs approval" in notices
    assert "Waiting" in notices
    assert "a run needs an approval" in notices
    said = visitor.page(path)
    assert "Send 120 members anew" not in said, "the cohort has less by now"
    assert "Send 30 members anew" in said
    assert "It has sent 120 members that are at the destination." in said
    assert "Take out 120 members, then delete" in said
    assert "0 members would be added, 90 members would be removed" in said
    assert "Approve, and remove 90 members" in said
    assert "Approve, and remove 90 members" in visitor.page(f"{path}/runs/2")
    assert "Approve" not in Visitor(desk, "read").page(path)
    assert visitor.post(f"{path}/runs/2/approve").status_code == 303
    desk.send()
    assert len(vendor.ids) == 30
    assert visitor.post(f"{path}/runs/2/approve").status_code == 409


def test_run__with_rejected_and_skipped_rows__names_them_in_the_vendors_words(
    desk: Office, vendor: Vendor
) -> None:
    desk.fill([person("a"), person("no"), {"mixpanel_distinct_id": "c", "email": "bad"}])
    vendor.refuse.add("no")
    visitor = Visitor(desk)
    path = make(desk, visitor)
    desk.send()
    said = visitor.page(f"{path}/runs/1")
    assert "Run 1 Partial" in said
    assert "1 member: unknown" in said
    assert "1 member: bad email" in said
    answer = visitor.get(f"{path}/runs/1/rejected.csv")
    assert answer.mimetype == "text/csv"
    assert answer.text == "member_id,reason,message\r\nno,unknown,no such person\r\n"
    (told, *_) = desk.get("/v1/activity")["activity"]
    assert (told["action"], told["via"], told["details"]) == (
        "sync_run.rejected_rows_read",
        "console",
        {"number": 1},
    )
    for nothing in (f"{path}/runs/2", f"{path}/runs/x", "/sync-jobs/99", "/sync-jobs/x"):
        assert visitor.get(nothing).status_code == 404


def test_job__that_stopped__says_why_and_what_to_do(desk: Office, vendor: Vendor) -> None:
    desk.fill([person("a")])
    vendor.status = 401
    visitor = Visitor(desk)
    path = make(desk, visitor)
    desk.send()
    said = visitor.page(path)
    assert "The key is wrong credentials" in said
    assert "What to do: Enter new credentials" in said
    vendor.status = 200
    visitor.post(f"{path}/resume")
    desk.send()
    assert "What to do" not in visitor.page(path)


@pytest.mark.parametrize(
    "path",
    [
        "/destinations",
        "/destinations/crm",
        "/new-destination",
        "/new-destination/meta",
        "/sync-jobs",
        "/sync-jobs/{job}",
        "/sync-jobs/{job}/settings",
        "/sync-jobs/{job}/runs/1",
        "/cohorts/{cohort}/sync-jobs",
        "/new-sync-job",
        "/new-sync-job/{cohort}",
        "/new-sync-job/{cohort}/crm",
    ],
)
def test_page__of_sync_jobs__costs_few_statements_and_offers_readers_nothing(
    desk: Office, vendor: Vendor, path: str
) -> None:
    cohort, visitor, sent = desk.fill([person("a")]), Visitor(desk), list[str]()
    job = make(desk, visitor).rpartition("/")[2]
    desk.send()
    given: deps.Deps = desk.app.extensions[deps.EXTENSION]
    with statements.noted(given.reading.engine, sent.append):
        answer = visitor.get(path.format(job=job, cohort=cohort))
    assert answer.status_code == 200
    assert 0 < len(sent) <= 5, sent
    assert not INLINE.search(answer.text)
    answer = Visitor(desk, "read").get(path.format(job=job, cohort=cohort))
    is_for_admins = "/new-" in path or "/settings" in path
    assert answer.status_code == (403 if is_for_admins else 200)
    assert re.findall(r'method="post" action="([^"]+)"', answer.text) == ["/console/sign-out"]
    assert "/console/new-" not in answer.text
    assert vendor.ids == {"a"}


def test_overview__of_jobs_that_stopped__names_each_with_its_code(
    desk: Office, vendor: Vendor
) -> None:
    desk.fill([person("a")])
    visitor = Visitor(desk)
    path = make(desk, visitor)
    cohort = desk.cohort_id()
    assert desk.call("DELETE", f"/v1/cohorts/{cohort}").status_code == 204
    desk.send()
    page = visitor.get("").text
    assert f'href="/console{path}"' in page
    assert "cohort_deleted" in page
    assert "It has stopped." in page
    assert vendor.calls == {}

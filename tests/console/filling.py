"""What the pages show in a browser: cohorts with a past, sent ones, a list, a blocked page."""

from __future__ import annotations

import datetime
import json
from typing import Any, Final

from flask import Flask
from sqlalchemy import text

from gateway.core.access.actor import Actor, Via
from gateway.flows.cohorts import load_queue
from gateway.flows.sources import admin
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from tests.console import backstage, shop
from tests.console.backstage import Backstage
from tests.customer import Customer
from tests.destinations import servers
from tests.destinations.meta import graph as meta
from tests.http.lists import Lists
from tests.http.world import Clock, World, make_app

LOGIN: Final = admin.Login(username="mixpanel", password="a password of tests")
NAMES: Final = (
    ("Ada", "Lovelace"),
    ("Grace", "Hopper"),
    ("Katherine", "Johnson"),
    ("Radia", "Perlman"),
    ("Barbara", "Liskov"),
    ("Frances", "Allen"),
    ("Mary", "Shaw"),
    ("Adele", "Goldberg"),
)
COHORTS: Final = (
    ("Trial users", "On trial, active this week"),
    ("Churn risk", "No session for 14 days, paying"),
    ("Power users", "Ten sessions a week or more"),
    ("Newsletter: opened twice", None),
    ("Enterprise admins", "Admins of workspaces with 50 seats or more"),
    ("Abandoned checkout", None),
)


def member(number: int) -> dict[str, object]:
    first, last = NAMES[number % len(NAMES)]
    return {
        "mixpanel_distinct_id": f"u-{number:05}",
        "email": f"{first.lower()}.{number}@example.com",
        "first_name": first,
        "last_name": last,
        "plan": ("free", "pro", "team")[number % 3],
        "sessions": number % 40,
    }


def fill(pool: Pool, database_url: str, customer: Customer) -> Flask:
    """Play a week of six cohorts that ends now; returns the application that took it."""
    clock = Clock()
    clock.now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=7)
    made = make_app(database_url, clock, **backstage.SETTINGS)
    world = World(pool, made, clock)
    for place, (name, description) in enumerate(COHORTS):
        said: dict[str, Any] = {
            "mixpanel_cohort_name": name,
            "mixpanel_cohort_description": description,
        }
        people = [member(one) for one in range(place * 31, place * 31 + 60 + 25 * place)]
        world.post("members", people, cohort=str(place), session=f"{name} 0", **said)
    world.apply()
    for hour in range(3, 168, 3):
        clock.tick(hours=3, seconds=-20)
        for place, (name, description) in enumerate(COHORTS[:-1]):
            if (hour + place) % 4 and hour < 150:
                continue
            said = {"mixpanel_cohort_name": name, "mixpanel_cohort_description": description}
            first = place * 31 + (hour * (3 + place)) % 200
            joined = [member(one) for one in range(first + 70, first + 76 + (hour * 7) % 9)]
            left = [member(one) for one in range(first, first + (hour * 5) % 11)]
            step: dict[str, Any] = {"cohort": str(place), "session": f"{name} {hour}", **said}
            world.post("add_members", joined, **step)
            world.post("remove_members", left, **step)
        world.apply()
    clock.now = datetime.datetime.now(datetime.UTC)
    world.post("add_members", [member(9000)], cohort="0", session="newest")
    world.apply()
    _block(pool, world)
    world.add_source("warehouse-eu", login=LOGIN, project_ids=("2195193",))
    admin.pause(pool, "warehouse-eu", now=clock.now)
    _refuse(world)
    clock.now = datetime.datetime.now(datetime.UTC)
    with backstage.opened(pool) as behind:
        _load(world, behind)
        _send(world, behind)
        shop.fill(world, behind, customer, pool)
    return made


def _block(pool: Pool, world: World) -> None:
    """Have a page blocked, as applying leaves one that Postgres refuses."""
    world.post("add_members", [member(9001)], cohort="1", session="blocked")
    with pool.begin() as conn:
        conn.execute(_BLOCK, {"external_id": "1", "now": world.clock.now})
        conn.execute(_PASS, {"external_id": "1"})


def _load(world: World, behind: Backstage) -> None:
    """Make a list of a file, with another one that waits to be looked at."""
    described = {"description": "Registered at the booth or on the page of the event"}
    cohort = Lists(world).make("Guests of the spring event", **described)
    rows = [f"guest-{one:04},guest.{one}@example.com,{one % 7}" for one in range(240)]
    for name, review, lines in (
        ("guests.csv", False, rows),
        ("late-guests.csv", True, [*rows[:225], ",nobody@example.com,3", "1.23457E+17,x@y.io,1"]),
    ):
        file = load_queue.File(data="\n".join(["id,email,table", *lines]).encode(), name=name)
        given: deps.Deps = world.app.extensions[deps.EXTENSION]
        load_queue.accept_file(
            given.accepting,
            int(cohort),
            file,
            load_queue.Wanted(review=review),
            max_bytes=given.settings.max_upload_bytes,
            wake_ups=given.wake_ups,
            now=world.clock.now,
            actor=Actor(via=Via.CONSOLE, name="admin"),
        )
        behind.settle()


def _send(world: World, behind: Backstage) -> None:
    """Keep a cohort at a destination, and have the sync of another one stopped there."""
    vendor = meta.Graph()
    with servers.serving(vendor) as base:
        made = {
            "slug": "meta-ads",
            "name": "Meta, ads of the shop",
            "kind": "meta",
            "config": {"account_id": "42", "endpoint": base},
            "secrets": {"access_token": meta.TOKEN},
        }
        assert world.call("POST", "/v1/destinations", json=made).status_code == 201
        for external_id in ("0", "1"):
            if external_id == "1":
                words = "Accept the terms first"
                vendor.next = [meta.error(2655, error_user_title="Terms", error_user_msg=words)]
            wanted = {
                "cohort_id": world.cohort_id(external_id),
                "destination": "meta-ads",
                "frequency": "1h",
                "mapping": {"external_id": "member_id", "email": "email"},
            }
            assert world.call("POST", "/v1/sync-jobs", json=wanted).status_code == 201
            behind.send()


def _refuse(world: World) -> None:
    described = {
        "mixpanel_project_id": "2195193",
        "mixpanel_cohort_id": "2",
        "mixpanel_session_id": "refused",
        "page_info": {"page_count": 1, "total_pages": 1},
        "members": [{"email": "nobody@example.com"}],
    }
    world.clock.tick(seconds=1)
    body = json.dumps({"action": "members", "parameters": described})
    assert world.http.post("/webhooks/mixpanel/default", data=body).status_code == 400


_BLOCK = text("""
    INSERT INTO blocked_deliveries (cohort_id, number, attempts, code, reason, blocked_at)
    SELECT c.id, i.last_delivery, 3, 'poison', 'the database refuses this data (SQLSTATE 22021)',
           :now
    FROM cohorts c JOIN intake_state i ON i.cohort_id = c.id WHERE c.external_id = :external_id
""")

_PASS = text("""
    UPDATE apply_state a SET applied_through = i.last_delivery
    FROM intake_state i JOIN cohorts c ON c.id = i.cohort_id
    WHERE a.cohort_id = i.cohort_id AND c.external_id = :external_id
""")

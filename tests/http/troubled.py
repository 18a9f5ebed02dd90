"""A cohort in trouble: what the pages of the console have something to say about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text as sql

from tests.http.world import World
from tests.stack import until


def trouble(world: World) -> str:
    """Make a cohort of three, of which one has left, with a page blocked and one refused."""
    people = [
        {
            "mixpanel_distinct_id": one,
            "email": f"{one}@example.com",
            "first_name": "<b>Ada</b>",
            "seats": 3,
        }
        for one in ("ada", "alan", "grace")
    ]
    named: dict[str, Any] = {"mixpanel_cohort_name": "Trial <i>users</i>"}
    world.fill(people, cohort="1", **named)
    world.post("remove_members", ["alan"], session="s2", **named)
    world.apply()
    block(world)
    described = {"mixpanel_project_id": "2195193", "mixpanel_cohort_id": "1", "members": [{}]}
    page = {"page_info": {"page_count": 1, "total_pages": 1}}
    sent = {"action": "members", "parameters": described | page}
    assert world.http.post("/webhooks/mixpanel/default", json=sent).status_code == 400
    until(lambda: bool(world.get("/v1/refusals")["refusals"]))
    return world.cohort_id("1")


def block(world: World) -> None:
    world.post("add_members", ["blocked"], session="s3", mixpanel_cohort_name="Trial <i>users</i>")
    with world.pool.begin() as conn:
        conn.execute(_BLOCK, {"now": world.clock.now})
        conn.execute(_PASS)


_BLOCK = sql("""
    INSERT INTO blocked_deliveries (cohort_id, number, attempts, code, reason, blocked_at)
    SELECT cohort_id, last_delivery, 3, 'poison', 'refused', :now FROM intake_state
""")

_PASS = sql("""
    UPDATE apply_state a SET applied_through = i.last_delivery
    FROM intake_state i WHERE a.cohort_id = i.cohort_id
""")

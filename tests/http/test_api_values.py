"""Any JSON value that a source exports comes out as it came in, in every form."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import hypothesis
from hypothesis import strategies

from tests.http.world import World

texts = strategies.text(
    strategies.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20
)
values = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: (
        strategies.lists(inner, max_size=4) | strategies.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=8,
)


@hypothesis.settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(sent=strategies.lists(strategies.tuples(values, texts), min_size=5, max_size=40))
def test_values__of_any_kind__come_out_as_they_came_in(
    world: World, sent: list[tuple[Any, str]]
) -> None:
    people = [
        {"mixpanel_distinct_id": f"{number:04}", "email": email, "value": value}
        for number, (value, email) in enumerate(sent)
    ]
    world.post("members", people, session=None)
    world.apply()
    path = f"/v1/cohorts/{world.cohort_id()}/members"
    listed = world.get(path, limit=1000)["members"]
    assert [one["email"] for one in listed] == [email for _, email in sent]
    assert [_exact(one["properties"]["value"]) for one in listed] == [
        _exact(value) for value, _ in sent
    ]
    lines = world.call("GET", path, headers={"Accept": "application/x-ndjson"}).data
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == listed
    text = world.call("GET", path, headers={"Accept": "text/csv"}).data.decode()
    rows = csv.DictReader(io.StringIO(text, newline=""))
    assert [(json.loads(row["properties"]), row["email"]) for row in rows] == [
        (one["properties"], one["email"]) for one in listed
    ]


def _exact(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Tell true from 1, which JSON does and Python does not."""
    if isinstance(value, list):
        return [_exact(one) for one in value]
    if isinstance(value, dict):
        return {name: _exact(one) for name, one in value.items()}
    return str(value) if isinstance(value, bool) else value

"""The fuzz of the parser itself, for a moment; `make fuzz` runs it for as long as it is told to."""

from __future__ import annotations

from tests.fuzz import parser


def test_fuzz__of_one_seed__tries_the_same_inputs_and_finds_no_failure() -> None:
    one, other = (parser.run(60, 1, most_inputs=400) for _ in range(2))
    assert one.inputs == other.inputs == 400
    assert one.outcomes == other.outcomes
    assert {outcome[:3] for outcome in one.outcomes} >= {"200", "400", "503", "chu"}

"""The table of cases in docs/databases.md, which is made from the names of tests."""

from __future__ import annotations

from tests.sources.sql import cases


def test_cases__of_the_page__are_shown_by_tests_that_there_are() -> None:
    assert list(cases.untested()) == []


def test_table__of_the_page__is_what_the_cases_say() -> None:
    assert cases.shown() == cases.table()

"""How commands fail: one word before each sentence, whatever went wrong."""

from __future__ import annotations

import pathlib

import pytest

from tests.e2e.command import run


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nonsense",), 2),
        (("source", "nonsense"), 2),
        (("source", "add"), 2),
        (("source", "list", "--nonsense"), 2),
        (("key", "create", "crm", "--scope", "nonsense"), 2),
        (("key", "list"), 1),
        (("erase", "ada"), 1),
    ],
)
def test_failure__of_whatever_kind__is_a_line_behind_one_word(
    tmp_path: pathlib.Path, arguments: tuple[str, ...], code: int
) -> None:
    done = run(*arguments, GATEWAY_DATA_DIR=str(tmp_path))
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")

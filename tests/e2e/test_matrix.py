"""The matrix of versions: how servers stand in for others, and what is written down."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests import matrix
from tests.e2e import documents
from tests.matrix import Cell, Result, Servers

PAGE = "docs/compatibility.md"
WHERE = """
import json
from gateway.local.embedded.cluster import binary
from gateway.local.embedded.valkey import binary as valkey
print(json.dumps([str(binary("postgres").resolve()), str(valkey().resolve())]))
"""


def programs(environ: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", WHERE], cwd=matrix.ROOT, env=environ, capture_output=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_servers_of_wheels__without_a_stand_in__are_those_of_the_environment() -> None:
    with matrix.packages(Servers.WHEELS) as environ:
        assert programs(dict(environ)) == programs(dict(os.environ))


def test_result__of_a_cell__takes_the_place_of_the_one_before() -> None:
    cell, other = Cell("3.12", Servers.DEBIAN), Cell("3.11", Servers.WHEELS)
    text = documents.read(PAGE)
    for passed, summary in ((False, "1 failed"), (True, "2 passed")):
        for one in (cell, other):
            made = Result(
                cell=one, versions=("p", "g", "r"), passed=passed, summary=summary, seconds=1.5
            )
            text = matrix.record(made, text)
    rows = [line for line in text.splitlines() if line.startswith(("| 3.12-debian", "| 3.11-wh"))]
    assert [row.split(" | ")[:5] for row in rows] == [
        ["| 3.11-wheels", "p", "g", "r", "2 passed"],
        ["| 3.12-debian", "p", "g", "r", "2 passed"],
    ]
    assert text.endswith(documents.read(PAGE).partition("\n*wheels*")[2])


@pytest.mark.parametrize("asked", ["3.9-wheels", "3.12-ubuntu"])
def test_command__asked_for_a_cell_there_is_not__says_which_there_are(
    asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        matrix.main([asked])
    assert asked in capsys.readouterr().err


def test_python__of_no_version__is_not_found() -> None:
    assert matrix.find_python("3.99") is None
    assert matrix.find_python(matrix.PRESENT) is not None

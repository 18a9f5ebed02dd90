"""Files loaded into a list of a whole gateway: over HTTP, by its loaders, and by the command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.command import run
from tests.http.webhook import unique
from tests.stack import API_KEY, Answer, Stack

KEY = {"Authorization": f"Bearer {API_KEY}"}
ROWS = 40_000
MOST_MEBIBYTES = 300


@pytest.fixture
def cohort(stack: Stack) -> str:
    """Make a list."""
    wanted = {"source": "lists", "name": unique("live")}
    answer = send(stack, "POST", "/v1/cohorts", json.dumps(wanted).encode())
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


def send(stack: Stack, method: str, path: str, body: bytes | None = None) -> Answer:
    """Call the API."""
    return stack.call(method, path, body, {**KEY, "Content-Type": "application/json"})


def over(stack: Stack, load_id: str) -> dict[str, object]:
    """Wait until a load is over."""
    while True:
        found: dict[str, object] = send(stack, "GET", f"/v1/loads/{load_id}?wait=20").json
        if found["state"] not in {"queued", "reading", "applying"}:
            return found


def test_file__over_http__is_read_by_a_loader_and_applied_by_a_worker(
    stack: Stack, cohort: str
) -> None:
    lines = [f"user-{n},user-{n}@example.com,{'x' * 60}" for n in range(ROWS)]
    file = "\n".join(["id,email,note", *lines, ",rejected,", ""]).encode()
    answer = send(stack, "POST", f"/v1/cohorts/{cohort}/loads", file)
    assert answer.status == 202, answer.body
    done = over(stack, answer.json["id"])
    assert (done["state"], done["entered"]) == ("applied", ROWS)
    found = send(stack, "GET", f"/v1/cohorts/{cohort}?min_seq={done['last_seq']}").json
    assert found["member_count"] == ROWS
    rejected = send(stack, "GET", f"/v1/loads/{done['id']}/rejected.csv")
    assert rejected.body.splitlines()[1] == f"{ROWS + 2},missing_id,,rejected,".encode()


def test_file__in_parts_over_http__is_one_file(stack: Stack, cohort: str) -> None:
    upload = send(stack, "POST", "/v1/uploads", b'{"name": "parts.txt"}').json["id"]
    part = b"".join(b"user-%07d\n" % n for n in range(300_000))
    for number, start in enumerate(range(0, len(part), 1 << 20), start=1):
        piece = part[start : start + (1 << 20)]
        answer = send(stack, "PUT", f"/v1/uploads/{upload}/parts/{number}", piece)
        assert answer.status == 204, answer.body
    answer = send(stack, "POST", f"/v1/cohorts/{cohort}/loads?upload={upload}")
    assert answer.status == 202, answer.body
    done = over(stack, answer.json["id"])
    assert (done["state"], done["entered"]) == ("applied", 300_000)
    assert max(map(peak_mebibytes, loaders(stack))) <= MOST_MEBIBYTES


def test_command__upload__sends_waits_and_prints_the_receipt(
    stack: Stack, cohort: str, tmp_path: Path
) -> None:
    path = tmp_path / "members.csv"
    path.write_text("id,plan\nada,pro\n,free\n")
    beside = {"GATEWAY_DATA_DIR": str(stack.data_dir), "PORT": str(stack.port)}
    done = run("upload", str(path), "--cohort", cohort, **beside)
    assert done.code == 0, done.err
    assert "2 read = 1 accepted + 0 duplicate + 1 rejected" in done.out
    path.write_text("name,plan\nada,pro\n")
    done = run("upload", str(path), "--cohort", cohort, **beside)
    assert done.code == 1
    assert "no_id_column" in done.out


def loaders(stack: Stack) -> list[int]:
    """Find the loaders of the stack."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"workers\0loader" in path.read_bytes()
        and str(stack.port).encode() in (path.parent / "environ").read_bytes()
    ]


def peak_mebibytes(pid: int) -> int:
    """Read the peak memory of a process."""
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kibibytes) // 1024

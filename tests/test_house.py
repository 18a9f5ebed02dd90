"""The rules of the house that can be read from the tree, where no tool knows them."""

from __future__ import annotations

import ast
import io
import pkgutil
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = ("gateway", "workers")
EVERYTHING = (*CODE, "tests", "deploy", "bench")
LOCK_FILES = sorted(path.name for path in ROOT.glob("requirements*.txt"))
HIDDEN_BUT_OURS = (".ci", ".gitattributes", ".gitignore")

# Put together here, or this file would break its own rule.
REGISTRY_HOSTS = (
    "pypi" + ".org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "deb.debian" + ".org",
)

# They build from the environment, which is what they are for: gunicorn and Alembic load them.
BUILT_BY_IMPORT = ("gateway.wsgi", "gateway.store.migrations")
# They import the client library of a vendor, which is no part of every installation.
OF_EXTRAS = (
    "gateway.sources.sql.mysql.driver",
    "gateway.sources.sql.bigquery.driver",
    "gateway.sources.sql.bigquery.lines",
    "gateway.sources.sql.snowflake.driver",
    "gateway.sources.sql.redshift.iam",
)

# The one definition of a transaction, and the tool that has its own.
TRANSACTIONS = (
    "gateway/flows/",
    "gateway/store/db/engine.py",
    "gateway/store/db/migrate.py",
    "gateway/store/db/statement.py",
    "gateway/store/migrations/",
)

# A sentence with one of them has a person as its subject, where a component belongs.
PERSONS = re.compile(r"\b(who|whom|whose|whoever|somebody|nobody|anybody)\b", re.IGNORECASE)
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "deploy/runbook.md")

# Today's number of them in comments and docstrings. Lower it with the code, never raise it.
PERSONS_IN_CODE = 2

SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|COPY|FROM|WHERE|SET LOCAL)\b")

IMPORT_EVERYTHING = """
import importlib, os, sys

FORBIDDEN = ("socket.", "subprocess.", "os.fork", "os.posix_spawn", "os.system", "os.mkdir")
module = None

def audit(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if module and (writes or event.startswith(FORBIDDEN) and event != "socket.gethostname"):
        print(f"{module} does {event} {arguments!r}")

def watched(self, key):
    frame = sys._getframe(1)
    while frame.f_globals["__name__"] in ("os", "collections.abc"):
        frame = frame.f_back
    if module and frame.f_globals["__name__"].partition(".")[0] in ("gateway", "workers"):
        print(f"{module} reads {key} from the environment")
    return read(self, key)

sys.addaudithook(audit)
read, os._Environ.__getitem__ = os._Environ.__getitem__, watched
for module in sys.argv[1:]:
    importlib.import_module(module)
"""


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """Every Python file of the project as path from the root → syntax tree."""
    return {path: ast.parse(text) for path, text in _texts(EVERYTHING, "*.py")}


def test_imports__of_every_module__open_nothing_and_read_no_environment() -> None:
    modules = [
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path, _ in _texts(CODE, "*.py")
    ]
    left_out = (*BUILT_BY_IMPORT, *OF_EXTRAS)
    quiet = [module for module in modules if not module.startswith(left_out)]
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_EVERYTHING, *quiet],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = done.stdout + (done.stderr if done.returncode else "")
    assert (complaints.splitlines(), done.returncode) == ([], 0)


def test_core__imports__are_the_standard_library_or_core(trees: dict[str, ast.Module]) -> None:
    ours = re.compile(r"(gateway\.core|gateway\.errors)\b")
    found = [
        f"{place} imports {name}"
        for place, name in _imports(trees, "gateway/core/")
        if not ours.match(name) and name.partition(".")[0] not in sys.stdlib_module_names
    ]
    assert found == []


def test_marshmallow__outside_the_borders__is_not_imported(trees: dict[str, ast.Module]) -> None:
    found = [
        place
        for place, name in _imports(trees, CODE)
        if name.partition(".")[0] == "marshmallow"
        and not place.startswith(("gateway/sources/", "gateway/handlers/"))
    ]
    assert found == []


def test_transactions__outside_flows__are_not_opened(trees: dict[str, ast.Module]) -> None:
    found = [
        f"{place} calls {name}()"
        for place, name, _ in _calls(trees, CODE)
        if name in {"begin", "begin_nested", "commit"} and not place.startswith(TRANSACTIONS)
    ]
    assert found == []


def test_sql__in_the_code__is_never_built_from_strings(trees: dict[str, ast.Module]) -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in trees.items()
        if path.startswith(CODE)
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and _builds_sql(node)
    ]
    assert found == []


def test_log_calls__with_an_f_string__are_refused(trees: dict[str, ast.Module]) -> None:
    found = [
        place
        for place, name, call in _calls(trees, CODE)
        if name in {"debug", "info", "warning", "error", "exception", "critical", "bind"}
        and any(isinstance(node, ast.JoinedStr) for node in _arguments(call))
    ]
    assert found == []


def test_files__of_python__have_at_most_350_lines() -> None:
    lengths = {path: text.count("\n") for path, text in _texts(EVERYTHING, "*.py")}
    assert {path: length for path, length in lengths.items() if length > 350} == {}


def test_functions__of_python__have_at_most_40_lines(trees: dict[str, ast.Module]) -> None:
    found = [
        f"{path}:{node.lineno} {node.name} has {length}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > 40
    ]
    assert found == []


def test_modules__first_line__is_one_sentence(trees: dict[str, ast.Module]) -> None:
    first_lines = {
        path: (ast.get_docstring(tree) or "").partition("\n")[0] for path, tree in trees.items()
    }
    wrong = {
        path: line
        for path, line in first_lines.items()
        if not line.endswith(".") or re.search(r"[.!?] [A-Z]", line)
    }
    assert wrong == {}


def test_jobs__named_in_the_gateway__are_functions_of_workers() -> None:
    jobs = vars(pkgutil.resolve_name("gateway.jobs"))
    names = [value for name, value in jobs.items() if name.endswith("_JOB")]
    assert names
    for name in names:
        assert name.startswith("workers.")
        assert callable(pkgutil.resolve_name(name))


def test_documents__pronouns_for_persons__are_under_3_in_1000_words() -> None:
    rates = {}
    for path, text in _texts(DOCUMENTS, "*.md"):
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        rates[path] = 1000 * len(PERSONS.findall(prose)) / len(prose.split())
    assert {path: rate for path, rate in rates.items() if rate >= 3} == {}


def test_code__pronouns_for_persons__only_become_fewer(trees: dict[str, ast.Module]) -> None:
    docstrings = [
        ast.get_docstring(node) or ""
        for path, tree in trees.items()
        for node in (ast.walk(tree) if path.startswith(CODE) else ())
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    comments = [
        token.string
        for _, text in _texts(CODE, "*.py")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]
    found = sum(len(PERSONS.findall(prose)) for prose in [*docstrings, *comments])
    assert found <= PERSONS_IN_CODE


@pytest.mark.parametrize("name", LOCK_FILES)
def test_lock_files__every_requirement__is_exact_and_hashed(name: str) -> None:
    requirements = _requirements(name)
    assert requirements
    exact = re.compile(r"[\w.-]+(\[[\w,-]+\])?==\S+ (; [^\\]+ )?(--hash=sha256:[0-9a-f]{64} ?)+")
    assert [line for line in requirements if not exact.fullmatch(line)] == []


@pytest.mark.parametrize("name", LOCK_FILES)
def test_lock_files__what_the_list_names__is_locked(name: str) -> None:
    lines = (ROOT / name).with_suffix(".in").read_text().splitlines()
    listed = {re.split("[<>=]", line)[0] for line in lines if line and line[0] not in "#-"}
    assert listed <= _versions(name).keys()


def test_lock_files__of_one_package__agree_on_its_version() -> None:
    versions: dict[str, set[str]] = {}
    for name in LOCK_FILES:
        for package, version in _versions(name).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_files__of_any_kind__name_no_registry_host() -> None:
    tops = [path.name for path in ROOT.iterdir() if _is_ours(path)]
    found = [
        f"{path} names {host}"
        for path, text in _texts(tops, "*")
        for host in REGISTRY_HOSTS
        if host in text
    ]
    assert found == []


def _is_ours(path: Path) -> bool:
    return not path.name.startswith(".") or path.name in HIDDEN_BUT_OURS


def _texts(tops: Iterable[str], pattern: str) -> Iterator[tuple[str, str]]:
    """Path from the root and text of every text file under these names."""
    for top in tops:
        base = ROOT / top
        for path in sorted(base.rglob(pattern)) if base.is_dir() else [base]:
            if path.is_file() and "__pycache__" not in path.parts:
                text = path.read_bytes().decode("utf-8", errors="replace")
                yield path.relative_to(ROOT).as_posix(), text


def _imports(
    trees: dict[str, ast.Module], start: str | tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Place and full name of every import in the files whose path has this start."""
    for path, tree in trees.items():
        for node in ast.walk(tree) if path.startswith(start) else ():
            if isinstance(node, ast.Import):
                yield from ((f"{path}:{node.lineno}", alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names = (f"{node.module}.{alias.name}" for alias in node.names)
                yield from ((f"{path}:{node.lineno}", name) for name in names)


def _calls(
    trees: dict[str, ast.Module], start: tuple[str, ...]
) -> Iterator[tuple[str, str, ast.Call]]:
    """Place, last name and node of every method call in the files whose path has this start."""
    for path, tree in trees.items():
        for node in ast.walk(tree) if path.startswith(start) else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield f"{path}:{node.lineno}", node.func.attr, node


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _builds_sql(node: ast.expr) -> bool:
    """Whether SQL is put together from anything but constants."""
    match node:
        case ast.JoinedStr(values=parts):
            return any(_is_sql(part) for part in parts)
        case ast.BinOp(op=ast.Add()):
            terms = list(_terms(node))
            return any(_is_sql(term) for term in terms) and not all(map(_is_constant, terms))
        case ast.BinOp(left=left, op=ast.Mod()):
            return _is_sql(left)
        case ast.Call(func=ast.Attribute(value=value, attr="format" | "join" | "replace")):
            return _is_sql(value)
        case _:
            return False


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield node


def _is_constant(node: ast.expr) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case _:
            return False


def _is_sql(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return SQL.search(text) is not None
        case _:
            return False


def _requirements(name: str) -> list[str]:
    """Every line that pip would read of a lock file, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / name).read_text())
    return [line for line in text.splitlines() if line and not line.strip().startswith("#")]


def _versions(name: str) -> dict[str, str]:
    pins = (line.split()[0].partition("==") for line in _requirements(name))
    return {package.partition("[")[0]: version for package, _, version in pins}

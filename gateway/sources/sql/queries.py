"""Queries: a text that is exactly one statement, and reads.

The whole parse tree is looked at, in the dialect of its database, before anything is sent. This
tells an operator early what is wrong; what keeps a query from writing is the role of the database.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import re
from typing import TYPE_CHECKING, Final

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from gateway.core import texts
from gateway.core.cohorts.failures import Failure
from gateway.database_errors import QueryRefused
from gateway.sources.sql import effects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot.tokenizer_core import Token

MAX_CHARACTERS: Final = 100_000

# In what stands between two tokens, which is white space and comments.
_EXECUTABLE: Final = re.compile(r"/\*M?!")
_NESTED: Final = re.compile(r"/\*(?:(?!\*/).)*/\*", re.DOTALL)
# Behind it Snowflake executes another statement; the parser takes it for an operator on JSON.
_FLOWS: Final = frozenset({"->>"})
# Its parser tells logs of statements that it does not know, with their texts.
_PARSER_LOG: Final = "sqlglot"


@dataclasses.dataclass(frozen=True)
class Query:
    """A statement that may be sent: without the semicolons and comments around it."""

    text: str


class _Source:
    """A text under its tokens, with the words for places in it."""

    def __init__(self, text: str, dialect: str) -> None:
        self.text = text
        self.dialect = dialect
        self.tokens: Sequence[Token] = Dialect.get_or_raise(dialect).tokenize(text)

    def place(self, offset: int) -> str:
        """Say a place as a person counts: lines and columns from 1."""
        line = self.text.count("\n", 0, offset) + 1
        return f"line {line}, column {offset - self.text.rfind(chr(10), 0, offset)}"

    def gaps(self) -> Iterator[tuple[int, str]]:
        """Yield what is in front of each token, and behind the last one."""
        ends = [0, *(token.end + 1 for token in self.tokens)]
        starts = [*(token.start for token in self.tokens), len(self.text)]
        for end, start in zip(ends, starts, strict=True):
            yield end, self.text[end:start]

    def statements(self) -> list[list[Token]]:
        """Split the tokens at semicolons; what is empty is no statement."""
        groups = itertools.groupby(self.tokens, lambda token: token.text == ";")
        return [list(group) for is_end, group in groups if not is_end]


def require(text: str, dialect: str, *, path: str = "query") -> Query:
    """Check a query.

    Raises database_errors.QueryRefused (`query_invalid`, `not_one_statement`, `writes`).
    """
    if len(text) > MAX_CHARACTERS:
        raise _invalid(path, f"has more than {MAX_CHARACTERS:,} characters")
    if not texts.is_storable(text):
        raise _invalid(path, "must be text without NUL")
    try:
        source = _Source(text, dialect)
    except SqlglotError as error:
        raise _invalid(path, "a quote, a comment or a string has no end") from error
    _require_plain(source, path)
    statements = source.statements()
    if not statements:
        raise _invalid(path, "is empty; it takes one query")
    only = statements[0]
    second = _flow(source, only) if len(statements) == 1 else statements[1][0]
    if second is not None:
        message = (
            f"{source.place(second.start)}: another statement begins here; send one query alone"
        )
        raise QueryRefused(path, message, failure=Failure.NOT_ONE_STATEMENT)
    _require_reading(source, only, path)
    return Query(text[only[0].start : only[-1].end + 1])


def _flow(source: _Source, tokens: Sequence[Token]) -> Token | None:
    """Find what Snowflake goes on to another statement at."""
    if source.dialect != "snowflake":
        return None
    return _word(tokens, _FLOWS)


def _invalid(path: str, message: str) -> QueryRefused:
    return QueryRefused(path, message, failure=Failure.QUERY_INVALID)


def _require_plain(source: _Source, path: str) -> None:
    """Refuse what a server may read otherwise than the parser: comments and strings that hide."""
    for start, gap in source.gaps():
        found = _EXECUTABLE.search(gap)
        if found is not None:
            place = source.place(start + found.start())
            raise _invalid(path, f"{place}: this comment would be executed; remove it")
        if _NESTED.search(gap) is not None:
            raise _invalid(path, f"{source.place(start)}: a comment is inside a comment; remove it")
    for token in source.tokens:
        raw = source.text[token.start : token.end + 1]
        if source.dialect == "redshift" and raw.startswith("'") and "\\'" in raw:
            place = source.place(token.start)
            raise _invalid(path, f"{place}: write a quote in a string as '' and not behind \\")


def _require_reading(source: _Source, tokens: Sequence[Token], path: str) -> None:
    writing = _writing_word(tokens)
    tree = _tree(source, tokens, writing, path)
    for node in tree.walk():
        if isinstance(node, exp.DML | exp.DDL | exp.Into | exp.Lock | exp.Copy):
            raise _writes(source, writing or _word(tokens, _LATER_WORDS) or tokens[0], path)
        effect = effects.of(node, source.dialect)
        if effect is not None:
            place = source.place(effect.start)
            message = f"{place}: {effect.name} does more than read; leave it out"
            raise QueryRefused(path, message, failure=Failure.WRITES)
    if writing is not None and not isinstance(tree, exp.Query):
        raise _writes(source, writing, path)
    if not isinstance(tree, exp.Query | exp.Values):
        place, first = source.place(tokens[0].start), texts.cut(tokens[0].text.upper(), 30)
        raise _invalid(path, f"{place}: {first} begins no query; it takes one query")


def _tree(source: _Source, tokens: Sequence[Token], writing: Token | None, path: str) -> exp.Expr:
    try:
        return _parsed(source)
    except (SqlglotError, RecursionError) as error:
        word = writing or _word(tokens, _FILE_WORDS)
        if word is not None:
            raise _writes(source, word, path) from error
        raise _invalid(path, _why(error)) from error


def _parsed(source: _Source) -> exp.Expr:
    logging.getLogger(_PARSER_LOG).disabled = True
    found = [one for one in sqlglot.parse(source.text, dialect=source.dialect) if one is not None]
    return found[0]


def _why(error: SqlglotError | RecursionError) -> str:
    """Say where the parser stopped; its own message repeats the query, which may hold names."""
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    details = getattr(error, "errors", None) or [{}]
    line, end = details[0].get("line"), details[0].get("col")
    if not line or end is None:
        return "cannot be read as one SELECT"
    word = details[0].get("highlight") or ""
    column = max(1, end - len(word) + 1)
    near = f" near {texts.cut(word, 40)!a}" if word else ""
    return f"line {line}, column {column}: it cannot be read{near}"


def _writes(source: _Source, token: Token, path: str) -> QueryRefused:
    word = texts.cut(token.text.upper(), 30)
    message = f"{source.place(token.start)}: {word} does more than read; send one query"
    return QueryRefused(path, message, failure=Failure.WRITES)


def _writing_word(tokens: Sequence[Token]) -> Token | None:
    """Find the word by which a statement, or a part of it in parentheses, begins to write."""
    explains = tokens[0].text.upper() in _EXPLAINING
    before = "("
    for place, token in enumerate(tokens):
        after = tokens[place + 1].text if place + 1 < len(tokens) else ""
        may_begin = before in _BEGINNING or explains
        if may_begin and after != "(" and _WORDS.fullmatch(token.text) and not _is_quoted(token):
            return token
        before = token.text
    return None


def _word(tokens: Sequence[Token], words: frozenset[str]) -> Token | None:
    found = (one for one in tokens if one.text.upper() in words and not _is_quoted(one))
    return next(found, None)


def _is_quoted(token: Token) -> bool:
    return token.end - token.start + 1 != len(token.text)


_BEGINNING: Final = ("(", ")")
_EXPLAINING: Final = ("EXPLAIN", "DESCRIBE", "DESC")
_WORDS: Final = re.compile(
    r"""ALTER|ANALYZE|ATTACH|BEGIN|CALL|CHECKPOINT|CLUSTER|COMMENT|COMMIT|COPY|CREATE|DEALLOCATE
    |DECLARE|DELETE|DETACH|DISCARD|DO|DROP|EXECUTE|EXPORT|FLUSH|GRANT|HANDLER|IMPORT|INSERT|INSTALL
    |KILL|LISTEN|LOAD|LOCK|MERGE|MOVE|NOTIFY|OPTIMIZE|PREPARE|PURGE|PUT|REASSIGN|REFRESH|REINDEX
    |RELEASE|REMOVE|RENAME|REPAIR|REPLACE|RESET|REVOKE|ROLLBACK|SAVEPOINT|SECURITY|SET|START
    |TRUNCATE|UNDROP|UNLISTEN|UNLOAD|UNLOCK|UPDATE|UPSERT|USE|VACUUM""",
    re.VERBOSE | re.IGNORECASE,
)
_FILE_WORDS: Final = frozenset({"OUTFILE", "DUMPFILE"})
# What can stand behind a SELECT.
_LATER_WORDS: Final = frozenset({"INTO", "FOR", "LOCK", "INSERT", "DELETE", "UPDATE", "MERGE"})

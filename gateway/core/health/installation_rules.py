"""Whether an installation lets pages in, guards them, and applies them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.core.health.finding import error, ok, warning
from gateway.core.health.processes import LOADER, SCHEDULER, SENDER, WORKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gateway.core.health.finding import Finding

ACCESS: Final = "access"
PROCESSES: Final = "processes"
BACKLOG: Final = "backlog"
SESSION: Final = "postgres"

# Shorter than this, and chosen by a person, a secret is guessed sooner or later.
LEAST_PASSWORD: Final = 12
LEAST_KEY: Final = 24
LEAST_DIFFERENT: Final = 4
COMMON: Final = ("password", "secret", "changeme", "mixpanel", "gateway", "admin", "test", "123456")
_REPLACEMENT: Final = "choose a random one, as from `openssl rand -hex 32`"

OLD_SECONDS: Final = 300.0
NEARLY_FULL: Final = 0.8
# What the longest of our transactions may take: applying a page, or an export.
LONGEST_SECONDS: Final = 900.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """A source as it is."""

    slug: str
    auth_required: bool
    paused: bool
    logins: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuiltInFacts:
    """A source that comes with the gateway, and the kind of what has its slug; None if nothing."""

    slug: str
    kind: str
    found: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecretFacts:
    """How many secrets are kept, and how many not under the newest key.

    `unreadable` are the slugs of sources with secrets that no key can decrypt.
    """

    kept: int
    older: int
    unreadable: tuple[str, ...]
    has_key: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class PulseFacts:
    """How many processes of a kind live, and how many of them work.

    `silent_seconds` is None if none is remembered; `trouble` says why one of them does not work.
    """

    alive: int
    working: int
    silent_seconds: float | None
    trouble: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BacklogFacts:
    """What waits to be applied, and what was set aside."""

    pending: int
    most: int
    oldest_seconds: float | None
    blocked: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvironmentFacts:
    """The credentials of the environment; None where none are set there."""

    username: str | None = None
    password: str | None
    password_is_in_force: bool
    key: str | None
    key_is_in_force: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionFacts:
    """How Postgres treats our role; `transaction_timeout` in seconds, 0 or None for no limit."""

    encrypted: bool
    address_is_public: bool
    isolation: str
    transaction_timeout: float | None
    tables_refused: tuple[str, ...]
    grants: tuple[str, ...] = ()


def session(facts: SessionFacts) -> Iterator[Finding]:
    """Judge what our role may do, and under which limits."""
    if facts.tables_refused:
        names = ", ".join(facts.tables_refused)
        yield error(
            SESSION,
            f"our role may not read and change these tables: {names}",
            f"run as an administrator of this database: {' '.join(facts.grants)}; or migrate and"
            " run as one role",
        )
    if facts.isolation != "read committed":
        yield error(
            SESSION,
            f"default_transaction_isolation is {facts.isolation}: pages of one cohort that come"
            " together are answered 503",
            "ALTER ROLE … RESET default_transaction_isolation (and ALTER DATABASE)",
        )
    if 0 < (facts.transaction_timeout or 0) < LONGEST_SECONDS:
        yield warning(
            SESSION,
            f"transaction_timeout is {facts.transaction_timeout:.0f} s: large refreshes and exports"
            " take longer and never end",
            "ALTER ROLE … SET transaction_timeout = 0",
        )
    if facts.address_is_public and not facts.encrypted:
        yield warning(
            SESSION,
            "people's data goes to a public address without TLS",
            "add ?sslmode=verify-full to DATABASE_URL, and sslrootcert if its authority is its own",
        )


def built_in(found: Iterable[BuiltInFacts]) -> Iterator[Finding]:
    """Judge whether the sources that come with the gateway are there."""
    for one in found:
        if one.found is None:
            yield warning(
                ACCESS,
                f"the source {one.slug}, which comes with the gateway, is not there",
                "run `python -m gateway bootstrap`",
            )
        elif one.found != one.kind:
            yield warning(
                ACCESS,
                f"the source {one.slug} is of kind {one.found}, so the one of kind {one.kind} that"
                " comes with the gateway was not made",
                f"make another of kind {one.kind} with `python -m gateway source add <slug> --kind"
                f" {one.kind}`; nothing else is different",
            )


def sources(found: Iterable[SourceFacts]) -> Iterator[Finding]:
    """Judge the sources: whether posting is possible, and guarded."""
    listed = tuple(found)
    if not listed:
        yield error(
            ACCESS,
            "there is no source: every page is answered 404, which pauses its sync",
            "run `python -m gateway bootstrap`, or `source add <slug>`",
        )
    else:
        yield ok(ACCESS, f"sources: {', '.join(one.slug for one in listed)}")
    for one in listed:
        yield from _source(one)


def _source(one: SourceFacts) -> Iterator[Finding]:
    if not one.auth_required:
        yield warning(
            ACCESS,
            f"the source {one.slug} asks for no password: knowing its URL is enough to write to it",
            "add a source with a password, and point Mixpanel at that",
        )
    elif not one.logins:
        yield error(
            ACCESS,
            f"the source {one.slug} has no password: every page is answered 401, which pauses its"
            " sync",
            f"`python -m gateway source rotate {one.slug}`; for `default`, or set"
            " GATEWAY_WEBHOOK_PASSWORD and run `bootstrap`",
        )
    if one.paused:
        yield warning(
            ACCESS,
            f"the source {one.slug} is paused: its pages are answered 503 until it is resumed",
            f"`python -m gateway source resume {one.slug}`",
        )


def keys(usable: int) -> Finding:
    if usable:
        return ok(ACCESS, f"{usable} API keys are valid")
    return warning(
        ACCESS,
        "there is no API key: every call of /v1 is answered 401",
        "`python -m gateway key create`, or set GATEWAY_API_KEY and run `bootstrap`",
    )


def secrets(facts: SecretFacts) -> Iterator[Finding]:
    """Judge whether the secrets of sources can be decrypted, and new ones encrypted."""
    if facts.unreadable:
        yield error(
            ACCESS,
            f"secrets of these sources cannot be decrypted: {', '.join(facts.unreadable)}",
            "add the key they were encrypted under to GATEWAY_SECRET_KEY, behind the newest one and"
            " a comma, or set these secrets anew",
        )
    elif facts.older:
        yield warning(
            ACCESS,
            f"{facts.older} secrets are encrypted under an older key",
            "run `python -m gateway secrets rotate`, then remove that key from GATEWAY_SECRET_KEY",
        )
    elif facts.kept:
        yield ok(ACCESS, f"{facts.kept} secrets are encrypted under the newest key")
    elif not facts.has_key:
        yield ok(
            ACCESS,
            "there is no key for secrets, and no source needs one: before one does, set"
            " GATEWAY_SECRET_KEY",
        )


def environment(facts: EnvironmentFacts) -> Iterator[Finding]:
    weak = weak_secrets(username=facts.username, password=facts.password, key=facts.key)
    yield from (warning(ACCESS, text, remedy) for text, remedy in weak)
    if facts.password is not None and not facts.password_is_in_force:
        yield warning(
            ACCESS,
            "GATEWAY_WEBHOOK_PASSWORD is not a password of the source default",
            "run `python -m gateway bootstrap` if it should be, or remove it",
        )
    if facts.key is not None and not facts.key_is_in_force:
        yield warning(
            ACCESS,
            "GATEWAY_API_KEY is not a valid key",
            "run `python -m gateway bootstrap` if it should be, or remove it",
        )


def weak_secrets(
    *, username: str | None, password: str | None, key: str | None
) -> Iterator[tuple[str, str]]:
    """Yield what is weak about the secrets of the environment, and what to do about it."""
    names = (username or "", "default")
    if password is not None and (why := _weakness(password, names, least=LEAST_PASSWORD)):
        yield (
            f"GATEWAY_WEBHOOK_PASSWORD {why}",
            f"{_REPLACEMENT}; `source rotate` changes it without a pause",
        )
    if key is not None and (why := _weakness(key, (*names, password or ""), least=LEAST_KEY)):
        yield f"GATEWAY_API_KEY {why}", f"{_REPLACEMENT}, and run `bootstrap`"


def _weakness(secret: str, names: tuple[str, ...], *, least: int) -> str | None:
    """Say why a secret is soon guessed; None if it is not. Nothing of it gets into the text."""
    if secret in names:
        return "is the same as a name or the other secret"
    word = secret.casefold().rstrip("0123456789!.-_")
    if word in COMMON or secret.casefold() in COMMON or len(set(secret)) < LEAST_DIFFERENT:
        return "is one that is tried first"
    if len(secret) < least:
        return f"has fewer than {least} characters"
    return None


def processes(pulses: Mapping[str, PulseFacts]) -> Iterator[Finding]:
    """Judge the heartbeats of each kind of process, and whether they are at work."""
    without = {
        WORKER: ("pages are applied by the scheduler alone, slowly", "python -m workers"),
        SCHEDULER: (
            "a lost wake-up waits for ever, and nothing old is deleted",
            "python -m workers scheduler",
        ),
        LOADER: ("nothing is read from sources", "python -m workers loader"),
        SENDER: ("nothing is sent to destinations", "python -m workers sender"),
    }
    for kind, pulse in pulses.items():
        meaning, command = without[kind]
        if not pulse.alive:
            yield _silent(kind, pulse, meaning, command)
        elif pulse.working < pulse.alive:
            yield _hindered(kind, pulse, meaning)
        else:
            yield ok(PROCESSES, f"{pulse.alive} {kind}s live")


def _silent(kind: str, pulse: PulseFacts, meaning: str, command: str) -> Finding:
    last = "none has lived lately"
    if pulse.silent_seconds is not None:
        last = f"the last was heard {pulse.silent_seconds:.0f} s ago"
    return warning(
        PROCESSES,
        f"no {kind} lives ({last}): {meaning}",
        f"start `{command}`, and see in its log why it ended",
    )


def _hindered(kind: str, pulse: PulseFacts, meaning: str) -> Finding:
    """Judge a kind of which some do not work, which may be meant; that none does never is."""
    idle = f"{pulse.alive - pulse.working} of {pulse.alive} {kind}s live and do not work"
    why = f" ({pulse.trouble})" if pulse.trouble else ""
    remedy = (
        "give it the REDIS_URL of the web processes, and there every right; see its log, and"
        " deploy/runbook.md#gatewayworkershindered"
    )
    if pulse.working:
        return warning(PROCESSES, f"{idle}{why}", remedy)
    return error(PROCESSES, f"{idle}{why}: {meaning}", remedy)


def backlog(facts: BacklogFacts) -> Iterator[Finding]:
    if facts.blocked:
        yield warning(
            BACKLOG,
            f"{facts.blocked} pages are blocked: their cohorts lack what is in them",
            "GET /v1/deliveries?state=blocked says why; then `python -m gateway replay --blocked`",
        )
    if (facts.oldest_seconds or 0) > OLD_SECONDS:
        yield warning(
            BACKLOG,
            f"{facts.pending} pages wait, the oldest for {facts.oldest_seconds:.0f} s",
            "see that workers live, and start more of them",
        )
    if facts.pending > NEARLY_FULL * facts.most:
        yield warning(
            BACKLOG,
            f"{facts.pending:,} of at most {facts.most:,} pages wait; above that, pages are"
            " answered 429",
            "start more workers, or raise GATEWAY_MAX_PENDING_PAGES if the disk has room",
        )

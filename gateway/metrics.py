"""Every series of the gateway in one table, the counts of web processes, and the metrics page."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import math
import os
import pathlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gateway import aside, counts
from gateway.series import SERIES, Kind

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# The folder that web processes share; without it each knows its own counts only. prometheus_client
# reads the same name when it is imported.
FOLDER_NAME: Final = "PROMETHEUS_MULTIPROC_DIR"

# What a process can count before its files grow. They are mapped into memory: on a disk that is
# full, counting in a part of them that has no room there would kill the process.
RESERVED_BYTES: Final = 512 * 1024

ACCEPT_BUCKETS_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REQUEST_BUCKETS_SECONDS: Final = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 10)

# The statuses of failures on a webhook URL (interface 1.1), shown from the start: a counter that
# appears with its first event hides that event from rate().
REJECTIONS: Final = (400, 401, 403, 404, 405, 429, 500, 503)
ACTION_OUTCOMES: Final = ("recorded", "duplicate", "rejected")

# Of what is refused unread, for a source that is not there, or for one too many: what a process
# counts must fit into the room that is reserved for it.
UNKNOWN_SOURCE: Final = "unknown"
MAX_SOURCES: Final = 150

_DAMAGED: Final = "gateway_damaged_count_files"
_BY_NAME: Final = {one.name: one for one in SERIES}
_FAMILIES: Final[Mapping[Kind, Any]] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}
_Made = TypeVar("_Made", Counter, Histogram)

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Durations:
    """A histogram read elsewhere: counts by upper bound (not cumulative), and their sum."""

    counts: Mapping[float, float]
    seconds: float

    def buckets(self) -> list[tuple[str, float]]:
        """Add the counts up, each with its bound as Prometheus writes it."""
        bounds = sorted(self.counts)
        totals = itertools.accumulate(self.counts[bound] for bound in bounds)
        shown = ("+Inf" if bound == math.inf else str(bound) for bound in bounds)
        return list(zip(shown, totals, strict=True))


# The kinds of what web processes count; each has a file of its own in their folder.
_COUNTED: Final = (Kind.COUNTER, Kind.HISTOGRAM)

Point = tuple[tuple[str, ...], float]
Reading = Mapping[str, Sequence[Point] | Durations]


def expect(source: str) -> None:
    """Show the failures of a source from now on; `source` is one that exists."""
    with aside.harmless("metrics"):
        if made := _counts():
            made.expect(source)


def rejected(status: int, *, source: str | None = None) -> None:
    """Count a webhook request that was answered with a failure; `source` is as the URL says."""
    with aside.harmless("metrics"):
        if made := _counts():
            made.rejected.labels(made.label(source), str(status)).inc()


def refused_cohort(source: str) -> None:
    """Count a page that was refused because its source has as many cohorts as it may."""
    with aside.harmless("metrics"):
        if made := _counts():
            made.refused_cohorts.labels(made.label(source)).inc()


def acted(counts: Mapping[str, int]) -> None:
    """Count posted actions by what came of them."""
    with aside.harmless("metrics"):
        if made := _counts():
            for outcome, count in counts.items():
                made.actions.labels(outcome).inc(count)


def unwaited() -> None:
    """Count a request that asked to wait and was answered at once."""
    with aside.harmless("metrics"):
        if made := _counts():
            made.unwaited.inc()


def answered(*, route: str, status: int, seconds: float) -> None:
    """Count a request; `route` is the template, never the path."""
    with aside.harmless("metrics"):
        if made := _counts():
            made.answered.labels(route, str(status)).observe(seconds)


@contextlib.contextmanager
def accepting() -> Iterator[None]:
    """Time the accepting of a page; one that is refused does not count."""
    began = time.monotonic()
    yield
    with aside.harmless("metrics"):
        if made := _counts():
            made.accepted.observe(time.monotonic() - began)


def page(reading: Reading) -> bytes:
    """Write the page: what was read elsewhere, by name of series, and what web processes counted.

    Raises KeyError for a series that is not declared.
    """
    return generate_latest(_Page(reading))


class _Page(Collector):
    """Collects a reading and the counts of web processes, each series as it is declared."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> list[Metric]:
        families = {
            one.family: _FAMILIES[one.kind](one.name, one.help, labels=one.labels) for one in SERIES
        }
        counted, damaged = _counted()
        for name, points in {**self._reading, _DAMAGED: [((), damaged)]}.items():
            family = families[_BY_NAME[name].family]
            if isinstance(points, Durations):
                family.add_metric((), points.buckets(), points.seconds)
                continue
            for labels, value in points:
                family.add_metric(labels, value)
        for one in counted:
            # When each began is a sample of its own to prometheus_client; there is no use for it.
            kept = [sample for sample in one.samples if not sample.name.endswith("_created")]
            families[one.name].samples += kept
        return list(families.values())


class _Counts:
    """What this process counts; in the shared folder if there is one."""

    def __init__(self, folder: pathlib.Path | None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        self.rejected = self._make(Counter, "gateway_rejected_requests_total")
        self.refused_cohorts = self._make(Counter, "gateway_refused_new_cohorts_total")
        self.actions = self._make(Counter, "gateway_actions_total")
        for outcome in ACTION_OUTCOMES:
            self.actions.labels(outcome)
        self.unwaited = self._make(Counter, "gateway_unwaited_requests_total")
        self.accepted = self._make(
            Histogram, "gateway_accept_duration_seconds", buckets=ACCEPT_BUCKETS_SECONDS
        )
        self.answered = self._make(
            Histogram, "gateway_request_duration_seconds", buckets=REQUEST_BUCKETS_SECONDS
        )
        self._sources: set[str] = set()
        self._expect(UNKNOWN_SOURCE)
        self._damaged: frozenset[str] = frozenset()

    def _make(self, kind: type[_Made], name: str, **more: Any) -> _Made:  # noqa: ANN401 - see kind
        one = _BY_NAME[name]
        return kind(one.name, one.help, one.labels, registry=self._registry, **more)

    def expect(self, source: str) -> None:
        """Count the failures of a source by themselves, if there are not too many of those."""
        if source not in self._sources and len(self._sources) < MAX_SOURCES:
            self._expect(source)
            self._sources.add(source)

    def label(self, source: str | None) -> str:
        """Return a source's label, which comes from a closed set: strangers may name any."""
        return source if source in self._sources and source is not None else UNKNOWN_SOURCE

    def _expect(self, source: str) -> None:
        for status in REJECTIONS:
            self.rejected.labels(source, str(status))
        self.refused_cohorts.labels(source)

    def families(self) -> tuple[list[Metric], int]:
        """Collect the counts of this process, or of all that share its folder.

        Returns also how many files of that folder were left out, because they are damaged.
        """
        if self._folder is None:
            return list(self._registry.collect()), 0
        found = {kind: sorted(self._folder.glob(f"{kind}_*.db")) for kind in _COUNTED}
        sound = [
            str(path)
            for kind, paths in found.items()
            for path in paths
            if counts.is_sound(path, _samples(kind))
        ]
        damaged = frozenset(str(path) for paths in found.values() for path in paths) - {*sound}
        for path in sorted(damaged - self._damaged):
            _log.warning("counts.damaged", path=path)
        self._damaged = damaged
        with contextlib.suppress(FileNotFoundError):
            merged = MultiProcessCollector.merge(sound)  # type: ignore[no-untyped-call]
            return list(merged), len(damaged)
        return [], len(damaged)


# Two sets of counts in one file would overwrite each other.
_MAKING = threading.Lock()


def _counts() -> _Counts | None:
    """Return this process's counts, made when it first needs them: after gunicorn's fork.

    None while their folder cannot be used: no page is refused because it cannot be counted.
    """
    with contextlib.suppress(OSError), _MAKING:
        return _made()
    return None


def _counted() -> tuple[list[Metric], int]:
    made = _counts()
    return ([], 0) if made is None else made.families()


@functools.cache
def _made() -> _Counts:
    named = os.environ.get(FOLDER_NAME)
    folder = pathlib.Path(named) if named else None
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kind in _COUNTED:
            path = folder / f"{kind}_{os.getpid()}.db"
            counts.remove_damaged(path, _samples(kind))
            _reserve(path)
    return _Counts(folder)


@functools.cache
def _samples(kind: Kind) -> Mapping[str, frozenset[str]]:
    """Name the samples of all series of a kind, each with its labels."""
    bucket = {"_bucket": {"le"}, "_count": set[str](), "_sum": set[str]()}
    parts = bucket if kind is Kind.HISTOGRAM else {"": set[str]()}
    return {
        f"{series.name}{part}": frozenset({*series.labels, *more})
        for series in SERIES
        if series.kind is kind
        for part, more in parts.items()
    }


def _reserve(path: pathlib.Path) -> None:
    """Take the room of a file of counts on disk, unless an earlier process has left it."""
    if path.exists():
        return
    try:
        path.write_bytes(bytes(RESERVED_BYTES))
    except OSError:
        path.unlink(missing_ok=True)
        raise

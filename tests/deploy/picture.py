"""Draws the dashboard from real numbers: `python -m tests.deploy.picture`.

It starts a gateway and a Prometheus, plays Mixpanel for a while, asks each panel's own queries, and
draws what came back into `docs/dashboard.svg`. It is not Grafana's drawing, only its data.
"""

from __future__ import annotations

import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from tests.deploy import panels, production, prometheus
from tests.deploy.panels import Line, Panel
from tests.deploy.production import Production
from tests.deploy.prometheus import Prometheus
from tests.stack import ROOT

KEPT: Final = "docs/dashboard.svg"
PLAY_SECONDS: Final = 110.0
POINTS: Final = 150

CELL_WIDTH, CELL_HEIGHT, GAP, HEAD = 50, 30, 6, 46
LEGEND_HEIGHT, AXIS_WIDTH, TITLE_HEIGHT = 18, 58, 24
LETTER = 6.3  # how wide one is at 11 px, about
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#b877d9", "#37872d", "#fade2a")
COLOURS = {"green": "#1a7f4b", "orange": "#b8680b", "red": "#b3263a"}
STYLE = (
    "text{font:11px Helvetica,Arial,sans-serif;fill:#9fa3ad}"
    ".title{font-size:12px;fill:#d8d9da;font-weight:bold}.row{font-size:14px;fill:#d8d9da}"
    ".value{fill:#fff;font-weight:bold}.grid{stroke:#2c3235;stroke-width:1}"
)


def draw(watcher: Prometheus, path: Path, *, start: float, end: float) -> None:
    """Ask what the dashboard asks about a range of time, and draw it."""
    document = panels.load()
    bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in document["panels"])
    width, height = panels.COLUMNS * CELL_WIDTH + GAP, bottom * CELL_HEIGHT + HEAD + GAP
    span = f"{_clock(start)} to {_clock(end)} UTC"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        f'<style>{STYLE}</style><rect width="{width}" height="{height}" fill="#111217"/>',
        _text(12, 29, f"{document['title']}: {span}", "row"),
    ]
    for one in document["panels"]:
        if one["type"] == "row":
            y = one["gridPos"]["y"] * CELL_HEIGHT + HEAD + 21
            parts.append(_text(12, y, f"▾ {one['title']}", "row"))
    for panel in panels.all_of_them():
        parts += _panel(panel, _lines(watcher, panel, start, end), start, end)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", "utf-8")


def _lines(watcher: Prometheus, panel: Panel, start: float, end: float) -> list[Line]:
    step = max(1.0, (end - start) / POINTS)
    return [
        line
        for target in panel.targets
        for line in panels.ask(watcher, target, start=start, end=end, step=step)
    ]


def _panel(panel: Panel, lines: list[Line], start: float, end: float) -> Iterator[str]:
    x, y = panel.x * CELL_WIDTH + GAP, panel.y * CELL_HEIGHT + HEAD + GAP
    width, height = panel.width * CELL_WIDTH - GAP, panel.height * CELL_HEIGHT - GAP
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="3" fill="#181b1f"/>'
    yield _text(x + 8, y + 17, panel.title, "title")
    inside = (x + 8, y + TITLE_HEIGHT, width - 16, height - TITLE_HEIGHT - 8)
    if panel.kind == "timeseries":
        yield from _curves(panel, lines, inside, start, end)
    elif panel.kind == "bargauge":
        yield from _bars(panel, lines, inside)
    else:
        yield from _tiles(panel, lines, inside)


def _tiles(panel: Panel, lines: list[Line], inside: Sequence[float]) -> Iterator[str]:
    """Draw the newest value of each line on a ground of its colour."""
    x, y, width, height = inside
    each = width / max(1, len(lines))
    for number, line in enumerate(lines):
        value, left = line.points[-1][1], x + number * each
        said = panel.texts.get(f"{value:g}") or _number(value, panel.unit)
        size = min(34, int(each / (0.6 * max(3, len(said)))))
        yield (
            f'<rect x="{left:.1f}" y="{y}" width="{each - 3:.1f}" height="{height}" rx="2"'
            f' fill="{_colour(panel, value)}"/>'
        )
        middle = left + each / 2
        yield _text(
            middle, y + height / 2 + size / 3, said, "value", f"font-size:{size}px;{_MIDDLE}"
        )
        yield _text(middle, y + 16, line.name, "value", _MIDDLE)


def _bars(panel: Panel, lines: list[Line], inside: Sequence[float]) -> Iterator[str]:
    """Draw the newest value of each line as a bar; the last step is its full width."""
    x, y, width, height = inside
    full = max([value for _, value in panel.steps if value is not None] or [1])
    each = min(44, height / max(1, len(lines)))
    for number, line in enumerate(lines):
        value, top = line.points[-1][1], y + number * each
        length = max(4.0, min(1.0, value / full) * (width - 70))
        yield _text(x, top + 12, line.name, "title")
        yield (
            f'<rect x="{x}" y="{top + 17:.1f}" width="{width - 70}" height="{each - 24:.1f}"'
            ' fill="#22252b"/>'
        )
        yield (
            f'<rect x="{x}" y="{top + 17:.1f}" width="{length:.1f}" height="{each - 24:.1f}"'
            f' fill="{_colour(panel, value)}"/>'
        )
        yield _text(x + width - 62, top + each - 12, _number(value, panel.unit), "value")


def _curves(
    panel: Panel, lines: list[Line], inside: Sequence[float], start: float, end: float
) -> Iterator[str]:
    """Draw each line over time, with an axis of round numbers and their names below."""
    x, y, width, height = inside
    left, right = x + AXIS_WIDTH, x + width
    legends = list(_legend_rows(lines, width))
    foot = y + height - LEGEND_HEIGHT * len(legends) - 16
    values = [value for line in lines for _, value in line.points if math.isfinite(value)]
    tick = _round_tick(max([*values, 0.0]) / 4, 1024 if panel.unit == "bytes" else 1000)
    scale = (foot - y - 6) / (4 * tick)
    for number in range(5):
        at = foot - number * tick * scale
        yield f'<path class="grid" d="M{left:.1f} {at:.1f}H{right:.1f}"/>'
        yield _text(left - 6, at + 4, _number(number * tick, panel.unit), "", "text-anchor:end")
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        place, at = left + (right - left) * share, start + (end - start) * share
        yield _text(place, foot + 14, _clock(at), "", f"text-anchor:{anchor}")
    for number, line in enumerate(lines):
        shown = [(at, value) for at, value in line.points if math.isfinite(value)]
        path = "L".join(
            f"{left + (at - start) / (end - start) * (right - left):.1f} {foot - value * scale:.1f}"
            for at, value in shown
        )
        colour = PALETTE[number % len(PALETTE)]
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    for number, row in enumerate(legends):
        yield from _legend(row, x, foot + 32 + number * LEGEND_HEIGHT)


def _legend_rows(lines: list[Line], width: float) -> Iterator[list[tuple[int, str]]]:
    """Share out the names of lines over as many rows as they need."""
    row: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        if row and sum(_legend_width(name) for _, name in [*row, (number, line.name)]) > width:
            yield row
            row = []
        row.append((number, line.name))
    yield row


def _legend_width(name: str) -> float:
    return 28 + LETTER * len(name)


def _legend(row: list[tuple[int, str]], x: float, y: float) -> Iterator[str]:
    for number, name in row:
        colour = PALETTE[number % len(PALETTE)]
        yield f'<rect x="{x:.1f}" y="{y - 6:.1f}" width="12" height="3" fill="{colour}"/>'
        yield _text(x + 16, y, name)
        x += _legend_width(name)


_MIDDLE = "text-anchor:middle"


def _text(x: float, y: float, said: str, kind: str = "", style: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    styled = f' style="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}{styled}>{escape(said)}</text>'


def _colour(panel: Panel, value: float) -> str:
    """Return the colour of the last step that a value has reached."""
    reached = [name for name, least in panel.steps if least is None or value >= least]
    return COLOURS[reached[-1]]


def _round_tick(least: float, base: int) -> float:
    """Return the next number of 1, 2, 2.5 or 5 times a power of ten, in units of their base."""
    if least <= 0:
        return 0.25
    unit: float = base ** max(0, math.floor(math.log(least, base)))
    power: float = 10 ** math.floor(math.log10(least / unit)) * unit
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least)


def _number(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "-"
    if unit == "s":
        return _duration(value)
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "bytes":
        return _scaled(value, 1024, (" B", " KiB", " MiB", " GiB", " TiB"))
    return _scaled(value, 1000, ("", " K", " Mil", " Bil")) + ("/s" if unit == "reqps" else "")


def _duration(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    for name, size in (("days", 86400.0), ("hours", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1000:.3g} ms"


def _scaled(value: float, base: int, names: Sequence[str]) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{value:.3g}{names[power]}"


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at))


def _play(installation: Production, seconds: float) -> None:
    """Play what a panel can show: syncs, questions, people without an id, and refusals."""
    end = time.monotonic() + seconds
    asking = threading.Thread(target=_ask_on, args=(installation, end), daemon=True)
    asking.start()
    installation.type_in("python -m gateway source add app --no-auth")
    turn = 0
    while time.monotonic() < end:
        turn += 1
        members = 2_000 * (1 + turn % 4)
        source = "--source app --no-auth" if turn % 3 == 0 else ""
        installation.type_in(f"python -m gateway simulate --members {members} {source}")
        installation.post([f"{turn}", None] * 20, cohort="some-without-id")
        if turn == 4:
            installation.post(["a"], cohort="some-without-id", password="no longer")
    asking.join()


def _ask_on(installation: Production, end: float) -> None:
    while time.monotonic() < end:
        installation.get("/v1/members/1/cohorts", installation.login())
        installation.get("/v1/status", installation.login())
        time.sleep(0.05)


def main(path: Path) -> None:
    """Play for a while and draw what came of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        production.running(Path(folder)) as installation,
        prometheus.watching(installation, Path(folder)) as watcher,
    ):
        start = time.time()
        _play(installation, PLAY_SECONDS)
        draw(watcher, path, start=start, end=time.time())


if __name__ == "__main__":
    main(ROOT / (sys.argv[1] if sys.argv[1:] else KEPT))

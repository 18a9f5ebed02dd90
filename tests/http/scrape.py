"""A metrics page as Prometheus reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from prometheus_client import parser


@dataclasses.dataclass(frozen=True)
class Scrape:
    """The samples of a page by name and labels, and the kind and help of each series."""

    values: Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
    kinds: Mapping[str, str]
    helps: Mapping[str, str]

    def value(self, name: str, **labels: str) -> float | None:
        """Return one sample; None if the page has none."""
        return self.values.get((name, tuple(sorted(labels.items()))))

    def total(self, name: str, **labels: str) -> float:
        """Sum the samples of a name that have these labels."""
        wanted = set(labels.items())
        return sum(
            value
            for (found, has), value in self.values.items()
            if found == name and wanted <= {*has}
        )

    def names(self) -> set[str]:
        """Return the names of all samples."""
        return {name for name, _ in self.values}

    def label_names(self) -> dict[str, set[str]]:
        """Return the label names of each sample's name, but for the bounds of histograms."""
        found: dict[str, set[str]] = {}
        for name, labels in self.values:
            found.setdefault(name, set()).update({label for label, _ in labels} - {"le"})
        return found


def parse(page: str) -> Scrape:
    """Read a page; a line that Prometheus would refuse raises ValueError."""
    lines = [line.split(" ", 3) for line in page.splitlines() if line.startswith("# ")]
    helps = [(words[2], words[3]) for words in lines if words[1] == "HELP"]
    kinds = [(words[2], words[3]) for words in lines if words[1] == "TYPE"]
    samples = [
        ((sample.name, tuple(sorted(sample.labels.items()))), sample.value)
        for family in parser.text_string_to_metric_families(page)
        for sample in family.samples
    ]
    for found in (helps, kinds, samples):
        if len(dict(found)) != len(found):
            raise ValueError("something is said twice")
    return Scrape(dict(samples), dict(kinds), dict(helps))

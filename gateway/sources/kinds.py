"""The kinds of sources there are: what each is set to, and how often it is expected."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING, Final

from gateway.core.cohorts import kinds
from gateway.core.people import source as people
from gateway.core.sources import webhook_config
from gateway.sources.mixpanel import settings as mixpanel
from gateway.sources.people import rules
from gateway.sources.sql import definition as definitions
from gateway.sources.sql import vendors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.core.fields import Field
    from gateway.errors import Fault
    from gateway.sources.sql.vendor import Vendor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of source.

    `expected_every_seconds` tells how often each of its cohorts is heard of, None where nothing is
    expected. `carriers` are the fields of the config that decide where secrets travel, and how.
    `package` is what an optional installation brings, and this kind needs. `vendor` is there for
    databases.

    `needs` names the secret that goes with a field of the config where that is set.

    `built_in` is the slug of the one source of this kind that comes with the gateway.
    `makes_cohorts` tells that the source makes its cohorts, not calls of the API. `definition`
    tells what is wrong with where the members of a cohort come from, with paths from `definition`
    on; None for a kind without definitions, and so without schedules. `cohorts_named` tells which
    cohorts a definition looks into, by the path of each.
    """

    name: str
    title: str
    config: tuple[Field, ...]
    secrets: tuple[Field, ...] = ()
    carriers: frozenset[str] = frozenset()
    needs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    expected_every_seconds: int | None = None
    package: str | None = None
    vendor: Vendor | None = None
    built_in: str | None = None
    makes_cohorts: bool = False
    definition: Callable[[Mapping[str, object]], Iterable[Fault]] | None = None
    cohorts_named: Callable[[Mapping[str, object]], Mapping[str, int]] = lambda _: {}

    @property
    def reason(self) -> str | None:
        """Why no source of this kind can be made here; None if one can."""
        if self.package is None or _is_installed(self.package):
            return None
        return (
            f"the Python package {self.package} is not installed: run"
            f" `pip install -r requirements-{self.name}.txt`, and restart the gateway"
        )


def _is_installed(package: str) -> bool:
    """Look for a package without importing it; the packages that it is in may not be there."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _of_vendor(vendor: Vendor) -> Kind:
    return Kind(
        name=vendor.kind,
        title=vendor.title,
        config=vendor.config,
        secrets=vendor.secrets,
        carriers=vendor.carriers,
        package=vendor.package,
        vendor=vendor,
        definition=lambda given: definitions.faults(given, vendor.dialect),
    )


KINDS: Final[Mapping[str, Kind]] = {
    webhook_config.KIND: Kind(
        name=webhook_config.KIND,
        title="Mixpanel cohort sync (webhook)",
        config=mixpanel.CONFIG,
        secrets=mixpanel.SECRETS,
        carriers=mixpanel.CARRIERS,
        needs={mixpanel.IMPORT.name: mixpanel.IMPORT_SECRET.name},
        # Mixpanel syncs each cohort every half-hour.
        expected_every_seconds=30 * 60,
        makes_cohorts=True,
    ),
    kinds.LIST: Kind(
        name=kinds.LIST,
        title="Lists (files, typed-in and pushed members)",
        config=(),
        built_in="lists",
    ),
    people.KIND: Kind(
        name=people.KIND,
        title="People and events (posted here)",
        config=(),
        built_in=people.BUILT_IN,
        definition=rules.faults,
        cohorts_named=rules.cohorts_named,
    ),
    **{one.kind: _of_vendor(one) for one in vendors.VENDORS.values()},
}

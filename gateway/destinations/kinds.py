"""The kinds of destinations there are."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING, Final

from gateway.destinations import presets
from gateway.destinations.braze import settings as braze
from gateway.destinations.google import settings as google
from gateway.destinations.http import settings as http
from gateway.destinations.meta import settings as meta
from gateway.destinations.mixpanel import adapter as mixpanel
from gateway.destinations.webhook import feed as webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateway.core.fields import Field
    from gateway.destinations.adapter import Account, Adapter, Feed
    from gateway.destinations.facts import Facts
    from gateway.errors import Fault


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of destination, and what makes its adapter.

    `carriers` are the fields of the config that decide where secrets travel, and how; `endpoint` or
    `url` is one. `options` are fields of a job. Where the config decides, `facts_of` tells about a
    destination and `facts` what is common to them; `faults_of` finds what no single field can tell
    of a whole config, with paths that begin with `config`. `package` is what an optional
    installation brings.
    """

    name: str
    title: str
    config: tuple[Field, ...]
    secrets: tuple[Field, ...]
    facts: Facts
    connect: Callable[[Account], Adapter | Feed]
    options: tuple[Field, ...] = ()
    carriers: frozenset[str] = frozenset({"endpoint"})
    facts_of: Callable[[Mapping[str, object]], Facts] | None = None
    faults_of: Callable[[Mapping[str, object]], Iterable[Fault]] | None = None
    package: str | None = None

    @property
    def reason(self) -> str | None:
        """Why no destination of this kind can be made here; None if one can."""
        if self.package is None or importlib.util.find_spec(self.package) is not None:
            return None
        return (
            f"the Python package {self.package} is not installed: run"
            f" `pip install -r requirements-{self.name}.txt`, and restart the gateway"
        )

    def told(self, config: Mapping[str, object]) -> Facts:
        """Tell what is to be known of a destination with this config."""
        return self.facts if self.facts_of is None else self.facts_of(config)

    def faults(self, config: Mapping[str, object]) -> list[Fault]:
        """Tell what is wrong with a whole config, each field of which is right."""
        return [] if self.faults_of is None else list(self.faults_of(config))


def _preset(one: presets.Preset) -> Kind:
    return Kind(
        name=one.name,
        title=one.title,
        config=one.config,
        secrets=one.secrets,
        facts=one.facts,
        connect=one.connect,
        options=http.OPTIONS,
        carriers=one.carriers,
    )


_ALL: Final = (
    Kind(
        name="mixpanel",
        title="Mixpanel cohort contract (any partner's webhook URL)",
        config=mixpanel.CONFIG,
        secrets=mixpanel.SECRETS,
        carriers=mixpanel.CARRIERS,
        facts=mixpanel.FACTS,
        connect=mixpanel.Mixpanel,
    ),
    Kind(
        name="webhook",
        title="Webhook (Standard Webhooks)",
        config=webhook.CONFIG,
        secrets=webhook.SECRETS,
        options=webhook.OPTIONS,
        carriers=webhook.CARRIERS,
        facts=webhook.FACTS,
        facts_of=webhook.facts_of,
        connect=webhook.Webhook,
    ),
    Kind(
        name="http",
        title="Any list API, declared as data",
        config=http.CONFIG,
        secrets=http.SECRETS,
        options=http.OPTIONS,
        carriers=http.CARRIERS,
        facts=http.FACTS,
        facts_of=http.facts_of,
        faults_of=http.faults_of,
        connect=http.connect,
    ),
    Kind(
        name="meta",
        title="Meta (Facebook custom audiences)",
        config=meta.CONFIG,
        secrets=meta.SECRETS,
        options=meta.OPTIONS,
        facts=meta.FACTS,
        connect=meta.connect,
    ),
    Kind(
        name="braze",
        title="Braze",
        config=braze.CONFIG,
        secrets=braze.SECRETS,
        options=braze.OPTIONS,
        facts=braze.FACTS,
        facts_of=braze.facts_of,
        connect=braze.connect,
    ),
    Kind(
        name="google",
        title="Google Customer Match (Data Manager API)",
        config=google.CONFIG,
        secrets=google.SECRETS,
        options=google.OPTIONS,
        facts=google.FACTS,
        connect=google.connect,
    ),
    *(_preset(one) for one in presets.all_of_them()),
)
KINDS: Final[Mapping[str, Kind]] = {one.name: one for one in _ALL}

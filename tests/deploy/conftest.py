"""What the tests of deploy/ share: servers for a gateway, and an image of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.local import embedded
from tests.deploy import dockerfile, manual, production, prometheus
from tests.deploy.dockerfile import Image
from tests.deploy.production import Production
from tests.deploy.prometheus import Prometheus
from tests.stack import API_KEY, PASSWORD, ROOT, USERNAME


@dataclass(frozen=True, kw_only=True)
class Servers:
    """A Postgres and a Valkey that any program on this machine may use."""

    postgres_url: str
    valkey_url: str

    def environ(self) -> dict[str, str]:
        """Return what tells a gateway where they are, and its credentials."""
        return {
            "DATABASE_URL": self.postgres_url,
            "REDIS_URL": self.valkey_url,
            "GATEWAY_WEBHOOK_USERNAME": USERNAME,
            "GATEWAY_WEBHOOK_PASSWORD": PASSWORD,
            "GATEWAY_API_KEY": API_KEY,
        }


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Run both servers, empty, with everything that makes them durable switched on."""
    folder = tmp_path_factory.mktemp("servers")
    with embedded.postgres(folder) as postgres, embedded.valkey(folder) as valkey:
        yield Servers(postgres_url=postgres.url, valkey_url=valkey.url)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Do what the Dockerfile says in a fresh folder, once."""
    folder = tmp_path_factory.mktemp("image")
    yield dockerfile.build(ROOT / "deploy" / "Dockerfile", folder / "root")
    shutil.rmtree(folder, ignore_errors=True)  # 100 MB, of which pytest would keep three


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """Run one gateway in production for every test that watches or mends it."""
    with production.running(tmp_path_factory.mktemp("production")) as running:
        running.type_in(manual.blocks("Before you begin")[0])
        yield running


@pytest.fixture(scope="session")
def watcher(
    installation: Production, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Run one Prometheus that watches it."""
    with prometheus.watching(installation, tmp_path_factory.mktemp("prometheus")) as running:
        yield running

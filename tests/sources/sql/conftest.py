"""What tests of databases are lent: a customer's database, and sessions with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.sources.sql.session import Session
from tests import customer as customers
from tests.customer import Customer
from tests.sources.sql import asking


@pytest.fixture(scope="session")
def customer(database_url: str, worker_id: str) -> Iterator[Customer]:
    """Make a customer's database for this process."""
    with customers.database(database_url, f"customer_{worker_id}") as made:
        yield made


@pytest.fixture
def session(customer: Customer) -> Iterator[Session]:
    """Lend a session of the role that may only read."""
    with asking.opened(customer.target()) as made:
        yield made

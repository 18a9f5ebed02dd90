"""The authorities of the system: the first file that is there, and a word where none is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.sources.sql import pem

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _without_a_bundle_of_openssl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tell OpenSSL of a file that is not there, as on systems that keep it elsewhere."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))


def test_system_bundle__is_the_first_file_that_is_there(tmp_path: Path) -> None:
    missing, first, second = (tmp_path / name for name in ("missing", "first", "second"))
    first.write_text("")
    second.write_text("")
    found = pem.system_bundle([str(missing), str(first), str(second)])
    assert found == str(first)


def test_system_bundle__where_there_is_none__is_left_to_openssl(tmp_path: Path) -> None:
    assert pem.system_bundle([str(tmp_path / "missing")]) == "system"

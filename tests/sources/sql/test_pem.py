"""Certificates and keys as they are given, and the authorities of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.sources.sql import pem
from tests.sources.sql import serving

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


def written(key: ec.EllipticCurvePrivateKey, by: serialization.KeySerializationEncryption) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, by).decode()


def test_certificate__that_can_be_used__is_told_from_what_cannot(tmp_path: Path) -> None:
    whole = serving.certificate(serving.self_signed(tmp_path))
    assert pem.wrong_certificate(whole) is None
    assert pem.wrong_certificate(f"of the shop\n{whole}{whole}") is None
    begins = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    for text in ("a certificate", begins, f"café\n{whole}", ""):
        assert "certificate as PEM" in str(pem.wrong_certificate(text))


def test_key__that_can_be_used__is_told_from_what_cannot() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    is_open = written(key, serialization.NoEncryption())
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert pem.wrong_key(is_open) is None
    assert pem.wrong_key(parameters + is_open) is None
    locked = written(key, serialization.BestAvailableEncryption(b"a passphrase"))
    assert "without a passphrase" in str(pem.wrong_key(locked))
    for text in ("a key", is_open.replace("M", "A"), ""):
        assert "private key as PEM" in str(pem.wrong_key(text))

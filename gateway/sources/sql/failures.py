"""Failures of databases in words: what to do about each, and messages without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import texts
from gateway.core.cohorts.failures import Failure

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

MAX_MESSAGE_CHARACTERS: Final = 500

_HINTS: Final[Mapping[Failure, str]] = {
    Failure.TIMED_OUT: "Make the query quicker, read fewer rows, or raise GATEWAY_QUERY_SECONDS.",
    Failure.NOT_ONE_STATEMENT: "Send one query alone.",
    Failure.WRITES: "Send one query that calls nothing with an effect.",
    Failure.PERMISSION: "Grant the role the right to read what the query names.",
    Failure.SIGN_IN_FAILED: "Check user, secrets and database, and which clients are allowed.",
    Failure.UNREACHABLE: "Check that the server runs and takes connections; this is tried again.",
    Failure.QUERY_INVALID: "Correct the query; a preview shows what it answers.",
    Failure.TOO_MANY_BYTES: "Read fewer columns or partitions, or raise the cap of the source.",
}
_EXPIRED: Final = "Renew the certificate on the server; until then nothing is read."
# X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL.
_HAS_EXPIRED: Final = 10
_UNTRUSTED: Final = "Give the root certificate of the server's authority, or another TLS mode."


def failed(failure: Failure, message: str, secrets: Iterable[str] = ()) -> errors.ReadFailed:
    """Say what failed, without secrets that a server or a driver repeats."""
    return errors.ReadFailed(failure, hidden(message, secrets), hint=_HINTS[failure])


def untrusted(message: str) -> errors.ReadFailed:
    """Say what is wrong with TLS."""
    return errors.ReadFailed(Failure.UNREACHABLE, message, hint=_UNTRUSTED)


def bad_certificate(host: object, error: ssl.SSLCertVerificationError) -> errors.ReadFailed:
    """Say what is wrong with the certificate of a server."""
    message = f"the certificate of {host} is not valid: {error.verify_message}"
    if error.verify_code == _HAS_EXPIRED:
        return errors.ReadFailed(Failure.UNREACHABLE, message, hint=_EXPIRED)
    return untrusted(message)


def hidden(message: str, secrets: Iterable[str]) -> str:
    """Leave out secrets by their values, and what is beyond a length."""
    for secret in secrets:
        message = message.replace(secret, "•••") if secret else message
    return texts.cut(" ".join(message.split()), MAX_MESSAGE_CHARACTERS)

"""What BigQuery refuses, by reason or else by status, as failures of a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql.failures import failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway import errors

# https://cloud.google.com/bigquery/docs/error-messages
_BY_REASON: Final[Mapping[str, Failure]] = {
    **dict.fromkeys(
        (
            *("backendError", "blocked", "internalError", "jobBackendError", "jobInternalError"),
            *("jobRateLimitExceeded", "quotaExceeded", "rateLimitExceeded", "tableUnavailable"),
        ),
        Failure.UNREACHABLE,
    ),
    **dict.fromkeys(("accessDenied", "billingNotEnabled"), Failure.PERMISSION),
    **dict.fromkeys(("authError", "invalidUser"), Failure.SIGN_IN_FAILED),
    **dict.fromkeys(("stopped", "timeout"), Failure.TIMED_OUT),
    "bytesBilledLimitExceeded": Failure.TOO_MANY_BYTES,
}
_BY_STATUS: Final[Mapping[int, Failure]] = {
    401: Failure.SIGN_IN_FAILED,
    403: Failure.PERMISSION,
    408: Failure.UNREACHABLE,
    429: Failure.UNREACHABLE,
}
_SERVER: Final = 500


def of_reason(
    reason: str, status: int, message: str, secrets: Iterable[str] = ()
) -> errors.ReadFailed:
    """Say what was refused."""
    by_status = Failure.UNREACHABLE if status >= _SERVER else Failure.QUERY_INVALID
    failure = _BY_REASON.get(reason) or _BY_STATUS.get(status, by_status)
    return failed(failure, f"{message} ({reason})" if reason else message, secrets)


def too_many_bytes(planned: int, cap: int, message: str = "") -> errors.ReadFailed:
    """Say that a query would read more than the source allows, by both numbers.

    BigQuery rounds up what it bills, so that it may refuse what the dry run has below the cap.
    """
    said = f"; BigQuery says: {message}" if message else ""
    return failed(
        Failure.TOO_MANY_BYTES,
        f"the dry run reads {planned:,} bytes, and the source allows {cap:,} to be billed{said}",
    )

"""What MySQL and MariaDB refuse, by error number, as failures of a read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql.failures import failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway import errors

# https://dev.mysql.com/doc/mysql-errors/8.4/en/ and https://mariadb.com/kb/en/mariadb-error-codes/
_BY_NUMBER: Final[Mapping[int, Failure]] = {
    **dict.fromkeys((1044, 1045, 1049, 1251, 1698, 1820, 1862, 2059, 3118), Failure.SIGN_IN_FAILED),
    **dict.fromkeys((1142, 1143, 1227, 1345, 1356, 1370), Failure.PERMISSION),
    **dict.fromkeys((1290, 1792, 1836), Failure.WRITES),
    **dict.fromkeys((1317, 1969, 3024), Failure.TIMED_OUT),
    **dict.fromkeys(
        (
            *(0, 1040, 1053, 1077, 1129, 1130, 1152, 1158, 1159, 1160, 1161, 1203, 1205, 1213),
            *(1226, 1927, 2002, 2003, 2005, 2006, 2013, 2014, 2026, 2055, 3159, 4031),
        ),
        Failure.UNREACHABLE,
    ),
}


def translated(error: Exception, secrets: Iterable[str]) -> errors.ReadFailed:
    """Say what a server refused, or how the connection to it broke off."""
    number = error.args[0] if error.args and type(error.args[0]) is int else 0
    said = error.args[1] if len(error.args) > 1 and error.args[1] else "the connection broke off"
    return of_number(number, str(said), secrets)


def of_number(number: int, message: str, secrets: Iterable[str]) -> errors.ReadFailed:
    failure = _BY_NUMBER.get(number, Failure.QUERY_INVALID)
    return failed(failure, f"{message} ({number})" if number else message, secrets)

"""Sign-in to Redshift by IAM: an access key is given for a password that lasts some minutes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import session
from gateway.sources.sql.failures import failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sources.sql.session import Target

# The least that Amazon gives; a session that is open goes on after it.
_LASTS_SECONDS: Final = 900
_PASSING: Final = frozenset({"Throttling", "ThrottlingException", "InternalFailure"})
_SERVER: Final = 500


def signed_in(target: Target) -> Target:
    """Ask Amazon for the user and password of a cluster or workgroup. Raises errors.ReadFailed."""
    config, secrets = target.config, target.secrets
    if not config.get("region") or not (config.get("cluster") or config.get("workgroup")):
        message = "an access key needs the region, and the cluster or the workgroup"
        raise failed(Failure.SIGN_IN_FAILED, message)
    try:
        user, password = _workgroup(target) if config.get("workgroup") else _cluster(target)
    except ClientError as error:
        told, answer = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        passes = told.get("Code") in _PASSING or answer.get("HTTPStatusCode", 0) >= _SERVER
        failure = Failure.UNREACHABLE if passes else Failure.SIGN_IN_FAILED
        raise failed(failure, f"no password from Amazon: {error}", secrets.values()) from error
    except BotoCoreError as error:
        message = f"no password from Amazon: {error}"
        raise failed(Failure.UNREACHABLE, message, secrets.values()) from error
    return dataclasses.replace(
        target, config={**config, "user": user}, secrets={**secrets, "password": password}
    )


def _cluster(target: Target) -> tuple[str, str]:
    found = _client("redshift", target).get_cluster_credentials(
        ClusterIdentifier=target.config["cluster"],
        DbUser=target.config["user"],
        DbName=target.config["database"],
        AutoCreate=False,
        DurationSeconds=_LASTS_SECONDS,
    )
    return found["DbUser"], found["DbPassword"]


def _workgroup(target: Target) -> tuple[str, str]:
    found = _client("redshift-serverless", target).get_credentials(
        workgroupName=target.config["workgroup"],
        dbName=target.config["database"],
        durationSeconds=_LASTS_SECONDS,
    )
    return found["dbUser"], found["dbPassword"]


def _client(service: str, target: Target) -> Any:  # noqa: ANN401 - made of Amazon's descriptions
    """Make a client that takes nothing from the environment or from files at home."""
    made = botocore.session.Session(session_vars=_nothing())
    made.set_credentials(target.secrets["access_key_id"], target.secrets["secret_access_key"])
    return made.create_client(
        service,
        region_name=target.config["region"],
        endpoint_url=target.config.get("endpoint"),  # only tests know another
        config=Config(
            connect_timeout=session.CONNECT_SECONDS,
            read_timeout=session.CONNECT_SECONDS,
            retries={"total_max_attempts": 2},
            ignore_configured_endpoint_urls=True,
            proxies={},
        ),
    )


def _nothing() -> Mapping[str, tuple[None, None, None, None]]:
    return dict.fromkeys(("profile", "config_file", "credentials_file"), (None, None, None, None))

"""What a source of Redshift is set to."""

from __future__ import annotations

import functools
import re
from typing import Final

from gateway.core import fields
from gateway.core.fields import Text
from gateway.sources.sql import settings
from gateway.sources.sql.postgresql import settings as postgresql
from gateway.sources.sql.settings import Checked
from gateway.sources.sql.vendor import Vendor, by_host

PORT: Final = 5439
_secret: Final = functools.partial(fields.secret, most=settings.MAX_PASSWORD_CHARACTERS)
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}")


def _region(text: str) -> str | None:
    return None if _REGION.fullmatch(text) else "must be a region like eu-central-1"


VENDOR: Final = Vendor(
    kind="redshift",
    title="Amazon Redshift",
    config=(
        postgresql.HOST,
        postgresql.port(PORT),
        postgresql.DATABASE,
        postgresql.USER,
        postgresql.SSLMODE,
        postgresql.ROOT_CERTIFICATE,
        Checked(
            name="region",
            title="Region",
            description="Of Amazon, to sign in by an access key instead of a password.",
            optional=True,
            wrong=_region,
            pattern=f"^({_REGION.pattern})$",
        ),
        Text(
            name="cluster",
            title="Cluster",
            description="The identifier of the cluster, to sign in by an access key.",
            optional=True,
        ),
        Text(
            name="workgroup",
            title="Workgroup",
            description="The workgroup of Redshift Serverless, to sign in by an access key.",
            optional=True,
        ),
    ),
    secrets=(
        *postgresql.SECRETS,
        _secret("access_key_id", "Access key", "Of an IAM user that may ask for passwords."),
        _secret("secret_access_key", "Secret of the access key", "What belongs to that key."),
    ),
    carriers=postgresql.CARRIERS | {"region"},
    dialect="redshift",
    driver="gateway.sources.sql.redshift.driver",
    place=by_host(PORT),
)

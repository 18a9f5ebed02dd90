"""What a person sees when the gateway is ready: where it is, the credentials, a first `curl`."""

import http.client
import json
import pathlib
import shlex

from gateway import addresses
from gateway.settings import Settings
from gateway.supervisor.credentials import Credentials

_PROBE_SECONDS = 2.0
_HTTP_OK = 200

_MEMBER_ID = "ada"
_FIRST_PAGE = {
    "action": "add_members",
    "parameters": {
        "mixpanel_project_id": "1",
        "mixpanel_cohort_id": "1",
        "mixpanel_cohort_name": "First cohort",
        "mixpanel_cohort_description": "Made by the first curl",
        "mixpanel_session_id": "first-curl",
        "page_info": {"total_pages": 1, "page_count": 1},
        "members": [
            {
                "mixpanel_distinct_id": _MEMBER_ID,
                "email": "ada@example.com",
                "first_name": "Ada",
                "last_name": "Lovelace",
            },
        ],
    },
}

_TEXT = """
Cohort Gateway is ready.

  Webhook URL   {webhook_url}
  User name     {username}
  Password      {password}
  API           {base_url}/v1  (described at {base_url}/docs)
  API key       {api_key}
  Data          {data_dir}, kept for the next start

Send a first page, as Mixpanel would:

  {post}

A moment later, ask for that person's cohorts:

  {get}

Ctrl-C stops everything.
"""


def is_ready(settings: Settings) -> bool:
    """Whether /readyz answers 200 now."""
    connection = http.client.HTTPConnection(
        addresses.local_host(settings.bind), settings.port, timeout=_PROBE_SECONDS
    )
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == _HTTP_OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def text(settings: Settings, credentials: Credentials, data_dir: pathlib.Path) -> str:
    """Return the greeting; its commands can be pasted into a shell as they are."""
    base_url = settings.shown_url
    webhook_url = settings.webhook_url("default")
    user = f"{credentials.webhook_username}:{credentials.webhook_password}"
    page = json.dumps(_FIRST_PAGE, separators=(",", ":"))
    key = f"Authorization: Bearer {credentials.api_key}"
    post = ["-u", user, "-H", "Content-Type: application/json", "-d", page, webhook_url]
    return _TEXT.format(
        webhook_url=webhook_url,
        username=credentials.webhook_username,
        password=credentials.webhook_password,
        base_url=base_url,
        api_key=credentials.api_key,
        data_dir=data_dir,
        post=shlex.join(["curl", *post]),
        get=shlex.join(["curl", "-H", key, f"{base_url}/v1/members/{_MEMBER_ID}/cohorts"]),
    )

"""What a person sees when the gateway is ready: where it is, the credentials, a first `curl`."""

import http.client
import json
import pathlib
import shlex
from http import HTTPStatus

from gateway.local.embedded import running
from gateway.local.supervisor.credentials import Origin, Resolved
from gateway.settings import Settings

_PROBE_SECONDS = 2.0

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
                {password_from}
  Console       {base_url}/console
                sign in with the API key
  API           {base_url}/v1
  API docs      {base_url}/docs
  API key       {api_key}
                {key_from}
  Data          {data_dir}
                kept for the next start

{again}

Send a first page, as Mixpanel would:

{post}

A moment later, ask for that person's cohorts:

{get}

Ctrl-C stops everything.
"""

_SHOW = ".venv/bin/python -m gateway credentials"
_AGAIN = f"To see password and key again: {_SHOW}"
# What goes to a file or a pipe is a log, which others may read.
_UNSHOWN = "not shown, because this is no terminal"
_INSTEAD = f"""\
Password and key are shown at a terminal only. The commands below take them from
these variables:

  PASSWORD=$({_SHOW} --only password)
  KEY=$({_SHOW} --only api-key)"""

_ORIGINS = {
    Origin.ENVIRONMENT: "from the environment",
    Origin.KEPT: "kept since an earlier start",
    Origin.MADE: "generated at this start and kept",
}


def is_ready(settings: Settings) -> bool:
    try:
        return running.readiness(settings, _PROBE_SECONDS)[0] == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def text(
    settings: Settings, resolved: Resolved, data_dir: pathlib.Path, *, at_terminal: bool
) -> str:
    """Return the greeting, at most 80 columns wide but for what cannot be broken.

    Its commands can be pasted into a shell as they are. They name the secrets by variables unless
    this is for a terminal.
    """
    values, base_url = resolved.values, settings.shown_url
    user = f"{values.webhook_username}:"
    bearer = "Authorization: Bearer "
    if at_terminal:
        login, key = (
            shlex.quote(user + values.webhook_password),
            shlex.quote(bearer + values.api_key),
        )
    else:
        login, key = f'{shlex.quote(user)}"$PASSWORD"', f'"{bearer}$KEY"'
    return _TEXT.format(
        webhook_url=settings.webhook_url("default"),
        username=values.webhook_username,
        password=values.webhook_password if at_terminal else _UNSHOWN,
        password_from=_ORIGINS[resolved.password_from],
        base_url=base_url,
        api_key=values.api_key if at_terminal else _UNSHOWN,
        key_from=_ORIGINS[resolved.key_from],
        data_dir=data_dir,
        again=_AGAIN if at_terminal else _INSTEAD,
        post=_post(login, settings.webhook_url("default")),
        get=f"  curl -H {key} \\\n    {base_url}/v1/members/{_MEMBER_ID}/cohorts",
    )


def _post(login: str, url: str) -> str:
    page = json.dumps(_FIRST_PAGE, indent=2).replace("\n", "\n  ")
    return (
        f"  curl -u {login} \\\n    -H 'Content-Type: application/json' -d '{page}' \\\n    {url}"
    )

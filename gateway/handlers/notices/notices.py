"""The query API's notices: channels are tried before they are needed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from marshmallow import fields, post_load, validate

from gateway import messenger
from gateway.core.access.scopes import Scope
from gateway.flows.notices import trial
from gateway.handlers.http import deps, forms, operations, responses, schemas, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Response

    from gateway.core.access.actor import Actor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """Which channels to try; None for all."""

    channels: Sequence[str] | None = None


class NoticeTrialForm(forms.Form):
    """Which channels to try."""

    channels = fields.List(
        forms.Line(),
        validate=validate.Length(max=forms.MOST_CHANNELS),
        error_messages={"type": "must be a list", "invalid": "must be a list"},
        metadata=schemas.says("Names of GATEWAY_NOTIFY; without it, all of them.", []),
    )

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> Asked:
        return Asked(**loaded)


class ChannelTriedAnswer(schemas.Shown):
    """What came of a message to a channel."""

    channel = fields.String(required=True, metadata=schemas.like("ops"))
    ok = fields.Boolean(required=True)
    message = fields.String(required=True, metadata=schemas.like("it was taken"))


class ChannelsTriedAnswer(schemas.Shown):
    """What came of a trial, by channel."""

    channels = fields.List(fields.Nested(ChannelTriedAnswer), required=True)


def test_notices(body: Asked, actor: Actor) -> Response:
    """Send a message to channels."""
    given = deps.current()
    with given.waits.turn():
        found = trial.run(
            given.reading,
            given.settings.notify,
            messenger.post,
            wanted=body.channels,
            now=given.now(),
            actor=actor,
        )
    return responses.value(ChannelsTriedAnswer, {"channels": found})


OPERATIONS: Final = (
    Operation(
        name="test_notices",
        method="POST",
        rule="/v1/notices/test",
        view=test_notices,
        scope=Scope.ADMIN,
        acts=True,
        topic=topics.NOTICES,
        summary="Send a message to channels",
        description="To those of GATEWAY_NOTIFY that are named, or to all, and tells which of them"
        " took it.",
        body=NoticeTrialForm,
        answer=responses.of(ChannelsTriedAnswer, "What came of it, by channel."),
        refusals=(422,),
    ),
)

blueprint = operations.blueprint("notices", OPERATIONS)

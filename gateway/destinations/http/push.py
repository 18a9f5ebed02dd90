"""The adapter of any list API that is declared as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.destinations.adapter import Adapter
from gateway.destinations.answers import Check, Later, Skipped, Stop, StopCode
from gateway.destinations.http import identifiers
from gateway.destinations.http.audiences import Audiences
from gateway.destinations.http.calling import Caller
from gateway.destinations.http.operations import Operations
from gateway.destinations.http.templates import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.destinations.adapter import Account, Batch, Sent, Target
    from gateway.destinations.answers import Answer, Audience
    from gateway.destinations.http.declaration import Declaration


class Push(Adapter):
    """Sends members by the requests of a declaration."""

    def __init__(
        self, declaration: Declaration, account: Account, settings: Mapping[str, object]
    ) -> None:
        """`settings` has the values of the declaration's settings, secret ones too."""
        self._declaration = declaration
        endpoint = account.config.get("endpoint")
        self._caller = Caller(declaration, account, settings, str(endpoint) if endpoint else None)
        self._audiences = Audiences(declaration, self._caller)
        self._operations = Operations(declaration, self._caller, self._audiences)

    def verify(self) -> Iterator[Check]:
        """Ask what changes nothing: the declared test, or for the list of audiences."""
        find = self._declaration.audience.find
        request = self._declaration.test or (find.request if find else None)
        if request is None:
            failed = self._caller.sign_in()
            known = "a token was given" if self._caller.has_tokens else "nothing can be asked there"
            message = failed.message if failed else f"{known}; the first run will tell"
            yield Check(step="sign_in", ok=failed is None, message=message)
            return
        answer = self._caller.call(request, Scope(names={"settings": self._caller.public}))
        failed = answer if isinstance(answer, Later | Stop) else self._audiences.failure(answer)
        yield Check(step="sign_in", ok=failed is None, message=failed.message if failed else "")

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Sent | Skipped:
        """Write identifiers by their rules; what else is mapped is sent as it is."""
        rules = {rule.name: rule for rule in self._declaration.rules}
        sent: dict[str, object] = {}
        bad = ""
        for name in target.identifiers:
            value = raw.get(name)
            if name in rules and value is not None:
                value = identifiers.written(rules[name], value, target.options) or None
                bad = bad or (name if value is None and rules[name].matches else "")
            if value is not None:
                sent[name] = value
        if bad and not any(name in sent for name, rule in rules.items() if rule.matches):
            return Skipped(reason=f"bad_{bad}")
        return sent

    def find(self, target: Target) -> Audience | Later | Stop | None:
        """Find the audience by its name."""
        return self._audiences.find(target)

    def create(self, target: Target) -> Audience | Later | Stop:
        """Create the audience."""
        return self._audiences.create(target)

    def add(self, target: Target, batch: Batch) -> Answer:
        """Send the declared addition."""
        return self._operations.run("add", target, batch)

    def remove(self, target: Target, batch: Batch) -> Answer:
        """Send the declared removal."""
        return self._operations.run("remove", target, batch)

    def refresh(self, target: Target, batch: Batch) -> Answer:
        """Send the declared refresh, or the addition again."""
        name = "refresh" if "refresh" in self._declaration.ops else "add"
        return self._operations.run(name, target, batch)

    def replace(self, target: Target, batch: Batch) -> Answer:
        """Send all members in one request: what replaces a list knows no pages."""
        if batch.total > 1:
            message = f"{batch.members} members do not go into one request, as replacing needs"
            return Stop(code=StopCode.CONFIGURATION, message=message)
        return self._operations.run("replace", target, batch)

    def settle(self, target: Target, ticket: str) -> Answer:
        """Ask for the state of an accepted request."""
        return self._operations.settle(target, ticket)

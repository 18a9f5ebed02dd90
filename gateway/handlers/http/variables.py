"""Variables of paths, which each room declares for its own and the description shows."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of paths: what it is, and an example."""

    description: str
    example: str

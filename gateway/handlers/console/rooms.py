"""The console as a whole: the one list of its rooms, and what they need of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.handlers.console import (
    activity,
    cohort,
    cohorts,
    deliveries,
    destinations,
    door,
    event_indexes,
    filters,
    keys,
    lists,
    loads,
    notices,
    overview,
    people,
    queries,
    root,
    rules,
    sources,
    static_files,
    sync_job,
    sync_jobs,
    why,
)

if TYPE_CHECKING:
    from flask import Blueprint, Flask

BLUEPRINTS: tuple[Blueprint, ...] = (
    root.blueprint,
    door.blueprint,
    static_files.blueprint,
    overview.blueprint,
    notices.blueprint,
    cohorts.blueprint,
    cohort.blueprint,
    loads.blueprint,
    lists.blueprint,
    queries.blueprint,
    people.blueprint,
    event_indexes.blueprint,
    rules.blueprint,
    why.blueprint,
    sources.blueprint,
    destinations.blueprint,
    sync_jobs.blueprint,
    sync_job.blueprint,
    deliveries.blueprint,
    keys.blueprint,
    activity.blueprint,
)


def install(app: Flask) -> None:
    """Make what templates use known, and serve every room."""
    filters.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)

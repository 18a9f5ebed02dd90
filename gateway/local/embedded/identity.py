"""Chooses the OS user that PostgreSQL runs as, because it refuses to run as root."""

import enum
import os
import pathlib
import signal

from gateway import errors
from gateway.local.embedded import children, launch

_NOBODY = 65534
_PROBE_SECONDS = 10.0
# Reads the wheel, then the data folder, both as the server would.
_PROBE = '"$1" --version && test -w "$0" && test -x "$0"'


class AsRoot(enum.Enum):
    """How root runs PostgreSQL on a folder of root's."""

    NAMESPACE = "in a user namespace if there are any, so that the files stay root's"
    GIVE_AWAY = "as the user nobody, which gets the cluster's files and no others"


def choose(place: pathlib.Path, program: pathlib.Path, as_root: AsRoot) -> str:
    """Return the identity, as `launch` takes it, that may run `program` on the files at `place`.

    The owner of the files runs the server, so nothing has to change hands; only files of root's
    are entered through a namespace or, where that is refused (containers), given away.
    """
    if os.geteuid() != 0:
        return launch.SAME
    owner = place.stat()
    if owner.st_uid != 0:
        return f"{owner.st_uid}:{owner.st_gid}"
    if as_root is AsRoot.NAMESPACE and _namespace_works(place, program):
        return launch.NAMESPACE
    return f"{_NOBODY}:{_NOBODY}"


def choose_maker(identity: str) -> str:
    """Return the identity under which initdb runs for a server of `identity`.

    initdb refuses to run for a user without a name, as many containers have. A namespace gives one;
    what root can give away, must not be made by another user first.
    """
    uid, _, gid = identity.partition(":")
    if identity == launch.SAME:
        return launch.SAME if launch.has_name(os.geteuid()) else launch.NAMESPACE
    if gid and not launch.has_name(int(uid)):
        return f"{_NOBODY}:{_NOBODY}"
    return identity


def give(place: pathlib.Path, identity: str) -> None:
    """Give the files below `place` to the user of `identity`, if it names one.

    Raises errors.LocalServerFailed when that is not allowed.
    """
    uid, _, gid = identity.partition(":")
    if not gid or place.stat().st_uid == int(uid):
        return
    try:
        for parent, folders, files in os.walk(place):
            for name in (*folders, *files):
                os.chown(pathlib.Path(parent, name), int(uid), int(gid), follow_symlinks=False)
        # Last, because its owner says that all of it was given.
        os.chown(place, int(uid), int(gid))
    except OSError as error:
        raise errors.LocalServerFailed(
            f"PostgreSQL refuses to run as root, and here root may neither use a user namespace nor"
            f" give {place} to another user ({error.strerror}). Start as an ordinary user, or set"
            " DATABASE_URL to a server of your own.",
        ) from error


def _namespace_works(place: pathlib.Path, program: pathlib.Path) -> bool:
    with pathlib.Path(os.devnull).open("wb") as nowhere:
        process = children.start(
            ["/bin/sh", "-c", _PROBE, str(place), str(program)],
            environ={},
            death_signal=signal.SIGKILL,
            identity=launch.NAMESPACE,
            output=nowhere,
        )
    if not children.wait(process, _PROBE_SECONDS):
        children.stop([process], ())
    return process.returncode == 0

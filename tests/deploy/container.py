"""A program run as a container runs it: nobody in particular, on a root that cannot be written."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.dockerfile import Image

# In namespaces of its own: every mount read-only, a fresh /tmp, and then no right to change that.
_ENTER = """
set -e
mount --make-rprivate /
cut -d ' ' -f 5 /proc/self/mountinfo | while read -r place; do
    case $place in
        /proc* | /sys* | /dev*) ;;
        *) mount -o remount,bind,ro "$place" ;;
    esac
done
mount -t tmpfs tmpfs "$1"
shift
exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all --no-new-privs "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A running program and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, within_seconds: float) -> tuple[int, float]:
        """Ask it to end as an engine does; its exit code, and how long that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(within_seconds)
        return code, time.monotonic() - began


def words(image: Image, command: Sequence[str]) -> list[str]:
    """Return the command that runs another as in a container of this image."""
    user, _, group = image.stage.last("USER").partition(":")
    alone = ["unshare", "--user", f"--map-user={user}", f"--map-group={group}", "--mount"]
    enter = ["--keep-caps", "/bin/sh", "-c", _ENTER, "enter", str(image.temporary)]
    return [*alone, *enter, *command]


def run(image: Image, command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run a program to its end; what it said. Fails when the program does."""
    done = subprocess.run(
        words(image, command),
        cwd=image.workdir,
        env=image.environ(environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def running(
    image: Image, command: Sequence[str], environ: Mapping[str, str], log: Path
) -> Iterator[Container]:
    """Run a program during the block; it is killed if it is still there at the end."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            words(image, command),
            cwd=image.workdir,
            env=image.environ(environ),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        yield Container(process=process, log=log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()

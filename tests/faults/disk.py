"""A disk that can be full: a small one that is mounted, or, where nobody may mount, a played one.

The played one needs no right at all (Linux 5.5, x86-64 or ARM): a seccomp filter hands each call
that could make a file of Postgres longer to a thread here, which lets it pass or says ENOSPC.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

# Room for a cluster and its log; what is left of it is filled up.
_SIZE: Final = "size=400m"

# The calls by which PostgreSQL makes files longer, and seccomp itself, by machine.
_PWRITE, _PWRITEV, _FALLOCATE, _SECCOMP = range(4)
_CALLS: Final = {"x86_64": (18, 296, 285, 317), "aarch64": (68, 70, 47, 277)}

_PR_SET_NO_NEW_PRIVS, _SET_MODE_FILTER, _NEW_LISTENER = 38, 1, 8
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
# struct seccomp_notif and seccomp_notif_resp, and the ioctls that read and answer one.
_QUESTION, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1


class Disk(Protocol):
    """A disk for the data of one installation."""

    how: str
    folder: Path

    def enter(self) -> None:
        """Have whatever this thread starts from now on use it."""

    def fill(self) -> None:
        """Take all the room that is left."""

    def free(self) -> None:
        """Give the room back."""


@contextlib.contextmanager
def small(folder: Path) -> Iterator[Disk]:
    """Lend a disk that can be full."""
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"{_SIZE},mode=0700", "faults", str(folder)]
    if (
        os.geteuid() == 0
        and not subprocess.run(command, check=False, capture_output=True).returncode
    ):
        try:
            yield Mounted(folder)
        finally:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - wherever it is
    else:
        yield Played(folder)


class Mounted:
    """A small disk in memory, with a file on it that takes what room is left."""

    how = "a tmpfs of 400 MB"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def enter(self) -> None:
        """Do nothing: whoever writes there uses it."""

    def fill(self) -> None:
        """Take all the room that is left."""
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


class Played:
    """The disk there is, on which files cannot grow while it is said to be full."""

    how = "played: nobody may mount here"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = 0
        self._full = threading.Event()
        self._entered = False

    def enter(self) -> None:
        """Have what this thread starts ask before it makes a file longer."""
        if not self._entered:
            self._entered = True
            listener = _install_filter(_CALLS[platform.machine()])
            threading.Thread(target=self._answer, args=(listener,), daemon=True).start()

    def fill(self) -> None:
        """Let no file grow from now on."""
        self._full.set()

    def free(self) -> None:
        """Let files grow again."""
        self._full.clear()

    def _answer(self, listener: int) -> None:
        """Answer each question; those who ask wait for it. Ends with the last who could ask."""
        while True:
            asked = bytearray(_QUESTION.size)
            try:
                fcntl.ioctl(listener, _RECEIVE, asked)
            except InterruptedError:
                continue
            except FileNotFoundError:  # whoever asked is dead
                continue
            number, pid, _, call, _, _, *arguments = _QUESTION.unpack(asked)
            refuse = self._full.is_set() and _grows(pid, call, arguments)
            self.refused += refuse
            answer = (number, 0, -errno.ENOSPC, 0) if refuse else (number, 0, 0, _CONTINUE)
            with contextlib.suppress(FileNotFoundError):
                fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(*answer)))


def _grows(pid: int, call: int, arguments: list[int]) -> bool:
    """Tell whether a call would make a file longer."""
    calls = _CALLS[platform.machine()]
    ends: dict[int, Callable[[], int]] = {
        calls[_PWRITE]: lambda: arguments[3] + arguments[2],
        calls[_PWRITEV]: lambda: arguments[3] + 1,  # of one byte at least
        calls[_FALLOCATE]: lambda: arguments[2] + arguments[3],
    }
    with contextlib.suppress(OSError):
        return ends[call]() > Path(f"/proc/{pid}/fd/{arguments[0]}").stat().st_size
    return False


def _install_filter(calls: tuple[int, ...]) -> int:
    """Filter the calls of this thread and of all it will start; returns where they ask."""
    libc = ctypes.CDLL(None, use_errno=True)
    asking = calls[:_SECCOMP]
    steps = [struct.pack("=HBBI", _LOAD, 0, 0, 0)]
    steps += [
        struct.pack("=HBBI", _JUMP_IF_EQUAL, len(asking) - place, 0, call)
        for place, call in enumerate(asking)
    ]
    steps += [struct.pack("=HBBI", _RETURN, 0, 0, what) for what in (_ALLOW, _ASK)]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, *(ctypes.c_ulong(one) for one in (1, 0, 0, 0)))
    listener = libc.syscall(calls[_SECCOMP], _SET_MODE_FILTER, _NEW_LISTENER, program)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the filter was refused")
    return int(listener)

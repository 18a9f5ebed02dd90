"""Becomes another program that dies with its parent, with clean signals and as a given user.

Run as a script by `children`, which imports nothing from it but the names of identities:

    python -I -S launch.py <parent pid> <death signal> <identity> <program> [argument…]

It is a process of its own, and not code between fork and exec, because the parent may have threads.
Identities are `same`, `namespace` (seen as another, ordinary user inside a user namespace) and
`<uid>:<gid>` (root becomes that user but keeps the right to pass folders of mode 0700). The last
two exist because PostgreSQL refuses to run as root. Exit code 125: the identity was refused,
or the parent is already gone.
"""

import ctypes
import os
import pwd
import signal
import sys

SAME = "same"
NAMESPACE = "namespace"
REFUSED_EXIT_CODE = 125

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522
# One of them has a name nearly everywhere, and initdb refuses to run for a user without one.
_INSIDE_IDS = (1000, 65534, 1)


def _libc(function: str, *arguments: object) -> None:
    """Call a C library function that answers 0 when it worked; raises OSError when it did not."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _prctl(option: int, *arguments: int) -> None:
    # The unused arguments must be zero and full width: some options refuse anything else.
    padded = (*arguments, 0, 0, 0, 0)[:4]
    _libc("prctl", option, *(ctypes.c_ulong(argument) for argument in padded))


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def has_name(uid: int) -> bool:
    """Whether the user is in the system's list of users."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _enter_namespace() -> None:
    """Look like another user from inside while files still see us: no mode has to change."""
    uid, gid = os.geteuid(), os.getegid()
    inside = next((number for number in _INSIDE_IDS if has_name(number)), _INSIDE_IDS[0])
    _libc("unshare", _CLONE_NEWUSER)
    _write("/proc/self/uid_map", f"{inside} {uid} 1")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/gid_map", f"{inside} {gid} 1")


def _become_user(uid: int, gid: int) -> None:
    """Become an ordinary user that can still pass and read what belongs to root.

    The right survives the exec because it is *ambient*: the checkout, the interpreter and the
    folder above the data may all be of mode 0700 and root's.
    """
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    only = 1 << _CAP_DAC_OVERRIDE
    _libc("capset", header, (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0))
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _take_identity(identity: str) -> None:
    if identity == NAMESPACE:
        _enter_namespace()
    elif identity != SAME:
        uid, gid = identity.split(":")
        _become_user(int(uid), int(gid))


def _default_signals() -> None:
    # A shell starts background jobs with SIGINT ignored, and ignored or blocked signals survive an
    # exec: the program would never hear that it should stop.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is not None:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main(arguments: list[str]) -> None:
    """Become the program named in `arguments`; never returns."""
    parent_pid, death_signal, identity, program = arguments[:4]
    _default_signals()
    try:
        _take_identity(identity)
    except OSError as error:
        sys.stderr.write(f"cannot run {program} as {identity}: {error}\n")
        sys.exit(REFUSED_EXIT_CODE)
    if sys.platform == "linux":
        # After the identity, because a change of identity clears it.
        _prctl(_PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != int(parent_pid):
        sys.exit(REFUSED_EXIT_CODE)
    os.execv(program, arguments[3:])  # noqa: S606  the program is chosen by our own code


if __name__ == "__main__":
    main(sys.argv[1:])

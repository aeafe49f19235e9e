"""Sees every file that a process renames before it happens, and can kill the process in that very moment.

Linux asks us (seccomp's user notification): the process installs the filter itself, right before it becomes the
program, and hands the listening end over. Needs no privileges and no tools, and nothing in the program for it.
"""

import ctypes
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Machine(NamedTuple):
    """Numbers of Linux on one kind of processor."""

    audit: int
    seccomp: int
    renames: dict[int, int]
    """Calls that rename, with the place of the old path among their arguments."""


MACHINES = {
    "x86_64": Machine(0xC000003E, 317, {82: 0, 264: 1, 316: 1}),
    "aarch64": Machine(0xC00000B7, 277, {38: 1, 276: 1}),
}
NO_NEW_PRIVS, FILTER_MODE, NEW_LISTENER = 38, 1, 8
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
ASKED = struct.Struct("=QIIiIQ6Q")
LONGEST_PATH = 4096


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def listener() -> int:
    """Filter this process from now on; the descriptor on which it asks before it renames. Raises OSError."""
    machine = MACHINES[platform.machine()]
    calls = sorted(machine.renames)
    lines = [(LOAD, 0, 0, 4), (EQUAL, 0, len(calls) + 1, machine.audit), (LOAD, 0, 0, 0)]
    lines += [(EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)]
    lines += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, NOTIFY)]
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(lines), code)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        found = int(libc.syscall(machine.seccomp, FILTER_MODE, NEW_LISTENER, ctypes.byref(program)))
        if found >= 0:
            return found
    number = ctypes.get_errno()
    raise OSError(number, f"renames cannot be watched: {os.strerror(number)}")


class Renames:
    """Watches one process, which `argv` starts; every rename goes on unless `kills` says True of its old path."""

    def __init__(self) -> None:
        self.kills: Callable[[str], bool] = lambda _: False
        self.killed_at = ""
        """The old path of the rename that did not happen."""
        self._ours, self._theirs = socket.socketpair()
        self.hold = (self._theirs.fileno(),)
        """Descriptors that the process must be given."""

    def argv(self, command: Sequence[str]) -> list[str]:
        """The command, under watch."""
        return [sys.executable, "-I", "-S", __file__, str(self._theirs.fileno()), *command]

    def begin(self, pid: int) -> None:
        """Watch the process that was started, until it ends."""
        self._theirs.close()
        with self._ours:
            _, found, _, _ = socket.recv_fds(self._ours, 1, 1)
        if not found:
            raise RuntimeError("the process does not ask before it renames; its error output says why")
        threading.Thread(target=self._watch, args=(pid, *found), daemon=True, name="renames").start()

    def _watch(self, pid: int, listening: int) -> None:
        poll = select.poll()
        poll.register(listening, select.POLLIN)
        try:
            # Once it is killed none of its threads is let go on.
            while not self.killed_at and not any(event & select.POLLHUP for _, event in poll.poll()):
                self._answer(pid, listening)
        finally:
            os.close(listening)

    def _answer(self, pid: int, listening: int) -> None:
        asked = bytearray(ASKED.size)
        try:
            fcntl.ioctl(listening, RECEIVE, asked)
            id_, thread, _, call, _, _, *arguments = ASKED.unpack(asked)
            path = _text(thread, arguments[MACHINES[platform.machine()].renames[call]])
            if self.kills(path):
                self.killed_at = path
                os.kill(pid, signal.SIGKILL)
                return
            fcntl.ioctl(listening, SEND, struct.pack("=QqiI", id_, 0, 0, CONTINUE))
        except (FileNotFoundError, ProcessLookupError):
            return  # the thread that asked is gone


def _text(thread: int, address: int) -> str:
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        # A page at a time: what lies behind the path's own page may not be mapped.
        found = memory.read(LONGEST_PATH - address % LONGEST_PATH)
        if b"\0" not in found:
            found += memory.read(LONGEST_PATH)
    return os.fsdecode(found.partition(b"\0")[0])


def main() -> None:
    """Be the process: hand the listener over, then become the program."""
    number, *command = sys.argv[1:]
    with socket.socket(fileno=int(number)) as way:
        listening = listener()
        socket.send_fds(way, [b"."], [listening])
    os.close(listening)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()

"""Runs one program and takes it down with everything it left, as soon as the process that wanted it is gone.

The program is a part of the embedded stack, or an attempt of a job. The lifeline is standard input: the starter holds
the other end of the pipe, so the kernel closes it however the starter ends, kill -9 included. With `--silence` the
starter has to write into it again and again, so that one that hangs counts as gone too. Signals from a terminal never
reach the part, because the guard is a session of its own.

    1. start the part: told by the kernel to die if the guard dies, its process id written to standard output
    2. wait until the part ends, the lifeline closes or is silent for too long, or SIGTERM comes
    3. send the part its stop signal; after the grace, or as soon as SIGUSR1 comes, SIGKILL
    4. kill whatever the part started and did not end (orphans become children of the guard)
    5. remove what would outlive the processes: the named files and folders, System V shared memory

The standard library only, so that it starts in a few milliseconds: `python -I -S guard.py [options] -- COMMAND`.
"""

import argparse
import contextlib
import ctypes
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWUSER = 0x10000000
IPC_RMID = 0
NOBODY = 65534
ASKS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
libc = ctypes.CDLL(None, use_errno=True)


def give_up_root(identity: str) -> None:
    """Become `nobody`, for a program that refuses root: in a user namespace, or for real.

    In a namespace root's files belong to the mapped user, so no folder has to be opened up for others. Some
    containers forbid namespaces; there the real `nobody` needs access to binaries and data.
    """
    if identity == "namespace":
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "no user namespace")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} 0 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} 0 1")
    elif identity == "nobody":
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def start(options: argparse.Namespace) -> int:
    """Start the part and return its process id."""
    guard = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        give_up_root(options.identity)
        # After the change of identity, which clears it.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)
        for number in (*ASKS, signal.SIGCHLD, signal.SIGUSR1, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(options.stdout, flags, 0o600) if options.stdout else 2, 1)
        os.execvp(options.command[0], options.command)
    except OSError as error:
        os.write(2, f"{options.command[0]}: {error}\n".encode())
    os._exit(127)


def descendants(root: int) -> list[int]:
    """Every process below `root`, read from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name of a program may hold spaces and brackets: what counts stands after the last one.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, frontier = [], [root]
    while frontier:
        frontier = [pid for pid, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def kill_the_rest() -> None:
    """Kill and reap until nothing is left below the guard."""
    while True:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def remove_shared_memory(creator: int) -> None:
    """Remove the System V segments of a dead process; PostgreSQL leaves one behind when it is killed."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]:
            columns = line.split()
            if int(columns[4]) == creator:
                libc.shmctl(int(columns[1]), IPC_RMID, None)


def watch(child: int, options: argparse.Namespace, wake: int) -> int:
    """Wait for the part or for the reason to stop it; return its exit code, 128 + n for a signal."""
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(0, select.POLLIN | select.POLLHUP)
    deadline, heard = None, time.monotonic()
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        until = deadline or (heard + options.silence if options.silence else None)
        ready = dict(poll.poll(None if until is None else max(0.0, until - time.monotonic()) * 1000))
        signals = os.read(wake, 64) if wake in ready else b""
        is_silent = bool(options.silence) and time.monotonic() >= heard + options.silence
        is_closed = 0 in ready and not (options.silence and os.read(0, 4096))
        if is_closed:
            poll.unregister(0)
        elif 0 in ready:
            heard = time.monotonic()
        if deadline is None and (is_closed or is_silent or any(number in signals for number in ASKS)):
            deadline = time.monotonic() + options.grace
            os.kill(child, options.signal)
        if signal.SIGUSR1 in signals or (deadline is not None and time.monotonic() >= deadline):
            deadline = time.monotonic() + 1
            os.kill(child, signal.SIGKILL)


def main() -> int:
    """Guard one part from start to end and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signal", type=int, default=int(signal.SIGTERM), help="what asks the part to end")
    parser.add_argument("--grace", type=float, default=10, help="seconds it may take for that")
    parser.add_argument("--silence", type=float, default=0, help="seconds without a byte that mean the end; 0: none do")
    parser.add_argument("--identity", choices=["same", "namespace", "nobody"], default="same", help="for root only")
    parser.add_argument("--stdout", help="file for the part's standard output; else it follows standard error")
    parser.add_argument("--remove", action="append", default=[], help="file or folder to remove at the end")
    parser.add_argument("--hold", type=int, action="append", default=[], help="descriptor kept open to the end")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (*ASKS, signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    for held in options.hold:
        os.set_inheritable(held, False)
    child = start(options)
    os.write(1, f"{child}\n".encode())
    os.close(1)
    code = watch(child, options, reading)
    kill_the_rest()
    remove_shared_memory(child)
    for path in options.remove:
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(path)
    return code


if __name__ == "__main__":
    sys.exit(main())

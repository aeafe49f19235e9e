"""The guard: a part ends with its starter, with its children, and with what it left on tmpfs."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.process import PORTS, Command, Process, free_port
from tests.support.processes import alive, tree
from tests.support.waiting import until

STUBBORN = "trap '' TERM INT; sleep 600 & while :; do wait; done"
STARTER = """
import sys, threading
from pathlib import Path
from deploy.local.process import Command, Process
processes = []
def start():
    command = Command(("sh", "-c", sys.argv[2]), grace=0.3, remove=(Path(sys.argv[3]),))
    processes.append(Process(command, Path(sys.argv[1])))
    processes[0].start()
thread = threading.Thread(target=start)  # a part outlives the thread that started it
thread.start()
thread.join()
sys.stdout.write(f"{processes[0].pid} {processes[0].guard_pid}\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def test_exit_code_and_output(tmp_path: Path) -> None:
    process = Process(Command(("sh", "-c", "echo out; echo err >&2; exit 7")), tmp_path / "x.log")
    process.start()
    assert process.wait(10) == 7
    assert process.tail().split() == ["out", "err"]
    assert not process.running


def test_standard_output_can_go_to_a_file_of_its_own(tmp_path: Path) -> None:
    command = Command(("sh", "-c", 'echo "$WORD"; echo err >&2'), env={"WORD": "hello"}, stdout=tmp_path / "out")
    process = Process(command, tmp_path / "x.log")
    process.start()
    assert process.wait(10) == 0
    assert ((tmp_path / "out").read_text(), process.tail()) == ("hello\n", "err")


def test_command_that_does_not_exist_is_named_in_the_log(tmp_path: Path) -> None:
    process = Process(Command(("no-such-program",)), tmp_path / "x.log")
    process.start()
    assert process.wait(10) == 127
    assert "no-such-program" in process.tail()


def test_stop_sends_the_chosen_signal(tmp_path: Path) -> None:
    command = Command(
        ("sh", "-c", "trap 'echo got; exit 3' INT; while :; do sleep 0.01; done"), stop_signal=signal.SIGINT
    )
    process = Process(command, tmp_path / "x.log")
    process.start()
    until("the shell to start", lambda: process.pid and len(tree(process.pid)) > 1)
    assert process.stop() == 3
    assert process.tail() == "got"
    assert process.stop() == 3


def test_stop_kills_what_ignores_it_and_its_children(tmp_path: Path) -> None:
    process = Process(Command(("sh", "-c", STUBBORN), grace=0.2), tmp_path / "x.log")
    process.start()
    until("the child", lambda: len(tree(process.pid)) == 2)
    pids = tree(process.guard_pid)
    assert process.stop() == 128 + signal.SIGKILL
    assert alive(pids) == []


def test_hurry_does_not_wait_for_the_grace(tmp_path: Path) -> None:
    process = Process(Command(("sh", "-c", STUBBORN), grace=600), tmp_path / "x.log")
    process.start()
    until("the child", lambda: len(tree(process.pid)) == 2)
    process.hurry()
    assert process.wait(10) == 128 + signal.SIGKILL


def test_orphans_of_a_part_that_ended_by_itself_are_killed(tmp_path: Path) -> None:
    process = Process(Command(("sh", "-c", "setsid sleep 600 & echo $!")), tmp_path / "x.log")
    process.start()
    assert process.wait(10) == 0
    assert alive([int(process.tail())]) == []


@pytest.mark.parametrize("victim", ["starter", "starter_and_guard"])
def test_part_ends_when_its_starter_is_killed(tmp_path: Path, victim: str) -> None:
    left = tmp_path / "tmpfs"
    left.mkdir()
    (left / "file").write_text("x")
    arguments = [str(tmp_path / "x.log"), STUBBORN, str(left)]
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with starter:
        assert starter.stdout is not None
        part, guard = map(int, starter.stdout.readline().split())
        until("the child", lambda: len(tree(part)) == 2)
        pids = tree(guard)
        if victim == "starter_and_guard":
            subprocess.run(["kill", "-9", str(guard)], check=True)
            until("the part to end with its guard", lambda: part not in alive([part]))
            subprocess.run(["kill", "-9", *map(str, alive(pids))], check=False)
        starter.kill()
    until("everything to end", lambda: not alive(pids))
    if victim == "starter":
        assert not left.exists()


def test_descriptors_are_held_until_the_part_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "held"
    with path.open("w") as held:
        process = Process(Command(("sh", "-c", "ls -l /proc/$$/fd; sleep 600")), tmp_path / "x.log", (held.fileno(),))
        process.start()
    links = [link.readlink() for link in Path(f"/proc/{process.guard_pid}/fd").iterdir()]
    assert path in links
    until("the listing", lambda: "total" in process.tail(99))
    assert str(path) not in process.tail(99)
    process.stop()


def test_free_ports_lie_below_the_range_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert PORTS.stop <= first
    assert free_port() in PORTS


def test_a_free_port_is_none_of_those_that_are_spoken_for() -> None:
    port = free_port()
    assert free_port(but={*PORTS} - {port}) == port


def test_log_is_turned_over_when_it_has_grown(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.touch()
    with log.open("r+b") as file:
        file.truncate(33 << 20)
    process = Process(Command(("echo", "new")), log)
    process.start()
    assert process.wait(10) == 0
    assert log.read_text() == "new\n"
    assert (tmp_path / "x.1.log").stat().st_size == 33 << 20

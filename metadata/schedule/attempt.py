"""One attempt: the command in a process of its own, which ends with whoever scheduled it.

Under a guard (streams/guard.py): it is interrupted, as by ctrl-c, when the scheduler asks for it, dies, or says nothing
for half of what its attempt is its own for; what is left a third of that later is killed. So it is gone before another
scheduler may try the same run.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

from metadata.schedule.runs import Ended
from metadata.storable import storable
from streams import guard

KEPT_BYTES: Final = 4000
"""How much of the end of what a command said is kept."""
PIECE: Final = 1 << 14


class Attempt:
    """A running command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = b""
        self._why = ""

    @classmethod
    async def start(cls, argv: Sequence[str], hold_seconds: float) -> "Attempt":
        """Start a command; `hold_seconds`: how long the attempt is the scheduler's each time it says so."""
        options = [f"--signal={int(signal.SIGINT)}", f"--silence={hold_seconds / 2}", f"--grace={hold_seconds / 3}"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", guard.__file__, *options, "--", *argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,  # the guard's own line; what the command says goes to its stderr
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(process)

    @property
    def guard_pid(self) -> int:
        """Process id of the guard."""
        return self._process.pid

    def pulse(self) -> None:
        """Say that the attempt is still the scheduler's."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(b".")

    def end(self, why: str) -> None:
        """Ask it to end; `wait` returns once it has."""
        self._why = self._why or why
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def wait(self, timeout_seconds: float) -> Ended:
        """Wait for the end, and bring it about after the timeout."""
        reading = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait([reading], timeout=timeout_seconds)
            if not done:
                self.end(f"ended after {timeout_seconds:g} s, which is all that the job may take")
            await reading
            code = await self._process.wait()
        finally:
            self.end("")
            reading.cancel()
        text = storable(self._said.decode(errors="replace"))
        return Ended(code, f"{text.strip()}\n{self._why if code else ''}".strip())

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(PIECE):
            self._said = (self._said + piece)[-KEPT_BYTES:]

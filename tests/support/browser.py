"""A headless Chromium driven by its DevTools protocol: open a page, ask it, press keys, take pictures."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.tools import need
from tests.support.waiting import eventually, until

IMAGES = Path(__file__).parent.parent.parent / "docs/images"
SIDEWAYS = """[...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .filter(e => !e.closest('.scroll') && !e.closest('.quiet') && !e.matches('.skip'))
    .map(e => e.outerHTML.slice(0, 80))"""
"""What stands out at the right; boxes that scroll by themselves may hold more.

A phone widens `innerWidth` to what stands out, so that is no measure."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
    "about:blank",
)


class Page:
    """One page."""

    def __init__(self, connection: ClientConnection) -> None:
        self.errors: list[str] = []
        """What the page's own scripts complained of."""
        self._connection = connection
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for text in self._connection:
            said = json.loads(text)
            if said.get("method") == "Runtime.exceptionThrown":
                details = said["params"]["exceptionDetails"]
                self.errors.append(str(details.get("exception", details).get("description", details))[:300])
            elif said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.errors.append(said["params"]["entry"]["text"])
            elif said.get("id") in self._answers:
                self._answers.pop(said["id"]).set_result(said)

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        said = await asyncio.wait_for(answer, 30)
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def open(self, url: str, *, width: int = 1360, height: int = 900, dark: bool = False) -> None:
        """Show an address in a window of this size."""
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        phone = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call("Page.navigate", url=url)
        await self.until("the page to load", f"location.href.startsWith({url!r}) && document.readyState === 'complete'")

    async def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        said = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def until(self, what: str, expression: str, seconds: float = 20) -> None:
        """Wait for an expression to hold."""

        async def holds() -> bool:
            return bool(await self.ask(expression))

        await eventually(what, holds, seconds)

    async def press(self, key: str) -> None:
        """Press and let go of a key."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    async def picture(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        said = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(said["data"]))

    async def shoot(self, name: str, section: str = "") -> None:
        """Take a picture for docs/images, if SCREENSHOTS asks for pictures; of what begins at a section."""
        if os.environ.get("SCREENSHOTS"):
            if section:
                await self.ask(f"document.getElementById({section!r}).scrollIntoView()")
            await self.ask("new Promise(done => setTimeout(done, 700))")
            await self.picture(IMAGES / f"{name}.png")

    async def close(self) -> None:
        """Let the page go."""
        self._reading.cancel()
        await self._connection.close()


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[str]:
    """Where a browser of its own listens; ends the test where there is none."""
    with subprocess.Popen(
        [need("chromium"), f"--user-data-dir={profile}", *FLAGS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        port_file = profile / "DevToolsActivePort"
        try:
            until("the browser to listen", lambda: port_file.exists() and len(port_file.read_text().split()) == 2, 60)
            port, path = port_file.read_text().split()
            yield f"ws://127.0.0.1:{port}{path}"
        finally:
            process.terminate()


@contextlib.asynccontextmanager
async def page_of(browser: str) -> AsyncIterator[Page]:
    """A page that shares nothing with the others of a browser."""
    async with connect(browser, max_size=None) as whole:

        async def call(number: int, method: str, **parameters: Any) -> dict[str, Any]:
            await whole.send(json.dumps({"id": number, "method": method, "params": parameters}))
            while (said := json.loads(await whole.recv())).get("id") != number:
                pass  # an event
            result: dict[str, Any] = said["result"]
            return result

        context = await call(1, "Target.createBrowserContext", disposeOnDetach=True)
        target = await call(2, "Target.createTarget", url="about:blank", **context)
        host = browser.partition("/devtools/")[0]
        page = Page(await connect(f"{host}/devtools/page/{target['targetId']}", max_size=None))
        try:
            yield page
        finally:
            await page.close()


@contextlib.asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Page]:
    """A page of a browser of its own; ends the test where there is no browser."""
    with chromium(profile) as address:
        async with page_of(address) as page:
            yield page


@pytest.fixture(scope="session")
def chromium_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where one browser for all tests of pages listens."""
    with chromium(tmp_path_factory.mktemp("browser")) as address:
        yield address


@pytest.fixture
async def page(chromium_at: str) -> AsyncIterator[Page]:
    """A page of that browser."""
    async with page_of(chromium_at) as found:
        yield found


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, as WCAG has it."""

    def luminance(colour: str) -> float:
        digits = colour.removeprefix("#")
        digits = digits if len(digits) == 6 else "".join(2 * each for each in digits)
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)

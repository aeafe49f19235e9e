"""An error that nobody expected is a problem document with a name, which the log has too; nothing else is told."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from api.app import HEADERS
from api.ingest.schema import ProblemDetails
from api.problems import MEDIA_TYPE
from streams.settings import Settings
from tests.support.live import served

SECRET = "password=geheim of SELECT * FROM users"


@pytest.fixture
def web() -> Iterator[tuple[str, FastAPI]]:
    """The web process's app, of which two addresses more break, and the posting of events; no part is there."""
    with served(Settings(kafka_group="unexpected")) as (url, app):

        async def broken() -> None:
            raise ZeroDivisionError(SECRET)

        async def half() -> StreamingResponse:
            async def parts() -> AsyncIterator[bytes]:
                yield b"first,"
                await asyncio.sleep(0)
                raise ZeroDivisionError(SECRET)

            return StreamingResponse(parts(), media_type="text/csv")

        async def post(*_: Any) -> None:
            await broken()

        app.add_api_route("/v1/broken", broken)
        app.add_api_route("/v1/half", half)
        app.state.ingestion.post = post
        yield url, app


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/broken?rider=anna"), ("POST", "/v1/events")])
async def test_an_error_is_a_problem_whose_name_the_log_has(method: str, path: str, web: tuple[str, FastAPI]) -> None:
    url, _ = web
    with capture_logs() as lines:
        async with aiohttp.ClientSession() as http, http.request(method, url + path) as answer:
            text = await answer.text()

    assert (answer.status, answer.content_type) == (500, MEDIA_TYPE)
    assert HEADERS.items() <= {*answer.headers.items()}
    problem = ProblemDetails.model_validate_json(text)
    assert (problem.status, problem.code, problem.type) == (500, "unexpected", "urn:millrace:problem:unexpected")
    (line,) = [each for each in lines if each["log_level"] == "error"]
    assert problem.instance == line["instance"]
    assert (line["method"], line["path"], line["exc_info"]) == (method, path.partition("?")[0], True)
    assert [word for word in ("geheim", "SELECT", "ZeroDivision", "Traceback", ".py") if word in text] == []
    assert "anna" not in str({name: value for name, value in line.items() if name != "exc_info"})


async def test_every_error_has_a_name_of_its_own_and_is_counted(web: tuple[str, FastAPI]) -> None:
    url, _ = web
    async with aiohttp.ClientSession() as http:

        async def counted() -> float:
            async with http.get(f"{url}/metrics") as answer:
                (line,) = [
                    each for each in (await answer.text()).splitlines() if each.startswith("millrace_web_unexpected_to")
                ]
                return float(line.split()[-1])

        before, names = await counted(), set()
        for _ in range(2):
            async with http.get(f"{url}/v1/broken") as answer:
                names.add((await answer.json())["instance"])
        assert len(names) == 2
        assert await counted() == before + 2


async def test_half_an_answer_is_not_taken_for_a_whole_one(web: tuple[str, FastAPI]) -> None:
    url, _ = web
    with capture_logs() as lines:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/v1/half") as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await answer.read()

    assert [line["path"] for line in lines if line["log_level"] == "error"] == ["/v1/half"]


def test_the_document_tells_of_it_at_every_address(web: tuple[str, FastAPI]) -> None:
    _, app = web
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            assert [*operation["responses"]["500"]["content"]] == [MEDIA_TYPE], (method, path)

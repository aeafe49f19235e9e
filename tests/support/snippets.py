"""Snippets of a document, run as they stand against a running web process."""

import asyncio
import re


def blocks(document: str, language: str) -> list[str]:
    """The blocks of a Markdown text in this language."""
    return re.findall(rf"```{language}\n(.*?)```", document, re.DOTALL)


def addressed(document: str) -> dict[tuple[str, str], list[str]]:
    """The shell blocks below each title such as `## GET /live`, by method and path."""
    sections = re.findall(r"^## (GET|POST|DELETE) (/\S*)\n(.*?)(?=^## |^# )", document, re.DOTALL | re.MULTILINE)
    return {(method, path): blocks(text, "sh") for method, path, text in sections}


async def run(url: str, key: str, *command: str, **variables: str) -> str:
    """Run a command that finds the web process, and more, as the documents say; what it printed."""
    env = {"MILLRACE_URL": url, "MILLRACE_KEY": key, "PATH": "/usr/bin:/bin", **variables}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, (command, out, errors)
    return out.decode()

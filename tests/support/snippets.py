"""Snippets of a document, run as they stand against a running web process."""

import asyncio
import re


def blocks(document: str, language: str) -> list[str]:
    """The blocks of a Markdown text in this language."""
    return re.findall(rf"```{language}\n(.*?)```", document, re.DOTALL)


async def run(url: str, key: str, *command: str) -> str:
    """Run a command that finds the web process as the documents say; what it printed."""
    env = {"MILLRACE_URL": url, "MILLRACE_KEY": key, "PATH": "/usr/bin:/bin"}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, (out, errors)
    return out.decode()

"""The bare ClickHouse engine as any user of a users' file: what our server, with its one user, cannot show."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from deploy.local.clickhouse import config
from deploy.local.clickhouse.config import Limits

# The engine is not closed but left: one with replicas that cannot start would wait for them.
_RUN = """
import json, os, sys
from chdb import _chdb
path, statements = sys.argv[1], json.load(sys.stdin)
connection = _chdb.connect(path)
for sql in statements:
    try:
        result = connection.query(sql, "TabSeparated", params={})
        said = [result.bytes().decode(), ""] if not result.has_error() else ["", result.error_message()]
    except RuntimeError as error:
        said = ["", str(error)]
    print(json.dumps(said), flush=True)
os._exit(0)
"""


_OWN = "<clickhouse><profiles><default/></profiles><quotas><default/></quotas></clickhouse>"


class Said(NamedTuple):
    """What one statement gave: its result as tab-separated text, or the error."""

    text: str
    error: str

    @property
    def rows(self) -> list[str]:
        """The lines of the result."""
        assert not self.error, self.error
        return self.text.splitlines()


def run(folder: Path, settings: Path, statements: Sequence[str], **environment: str) -> list[Said]:
    """Run statements one after the other, in a process of its own, over a folder that no other process has open."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, f"{folder}?config-file={settings}"],
        input=json.dumps(list(statements)),
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = [Said(*json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(said) == len(statements), done.stderr[-2000:]
    return said


def configured(folder: Path, *more: str) -> Path:
    """The configuration of the embedded server over this folder, with further sections."""
    path = config.write(folder, Limits())
    text = path.read_text("utf-8").replace("</clickhouse>", "".join(more) + "</clickhouse>")
    path.write_text(text, "utf-8")
    return path


def as_user(files: Sequence[Path], user: str, to: Path) -> None:
    """Merge users' files, and what a server's own users.xml has, into one.

    The engine's own user, `default`, is this one there, without a password.
    """
    merged = ElementTree.fromstring(_OWN)
    for file in files:
        for section in ElementTree.parse(file).getroot():
            kept = merged.find(section.tag)
            if kept is None:
                kept = ElementTree.SubElement(merged, section.tag)
            kept.extend(section)
    users = merged.find("users")
    assert users is not None
    for each in list(users):
        if each.tag == user:
            for password in each.findall("password_sha256_hex"):
                each.remove(password)
            ElementTree.SubElement(each, "password").text = ""
            each.tag = "default"
        else:
            users.remove(each)
    ElementTree.ElementTree(merged).write(to, "utf-8")

"""An environment for each peer, with the exact versions of its requirements, outside the product's own.

`python -m bench.peers.environment` resolves the requirements anew; `python -m bench.peers.environment install` makes
all environments, which the benchmark does by itself.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local import tools

HERE = Path(__file__).parent
FOLDER = tools.FOLDER / "peers"
MINUTES = 15
COMMAND = "python -m bench.peers.environment"


class NoEnvironment(Exception):
    """A peer's packages could not be installed; the text says what the installer said."""


def folders() -> list[str]:
    """The peers that have an environment of their own."""
    return sorted(path.parent.name for path in HERE.glob("*/requirements.in"))


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made where it is not there. Raises NoEnvironment."""
    locked = HERE / peer / "requirements.txt"
    mark = hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = FOLDER / f"{peer}-{mark}"
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--quiet", "--no-deps", "--python", str(python), "--requirement", str(locked))
        done.touch()
    return python


def resolve() -> None:
    """Write the requirements of every peer again, in the product's own versions where a peer allows them.

    The resolver keeps to the versions that the file had before, as long as they fit.
    """
    own = (HERE.parent.parent / "requirements.lock").read_text()
    for peer in folders():
        given, locked = HERE / peer / "requirements.in", HERE / peer / "requirements.txt"
        options = ("--quiet", "--universal", "--python-version", "3.11", "--no-annotate")
        locked.write_text(own)
        _uv("pip", "compile", *options, "--custom-compile-command", COMMAND, "-o", str(locked), str(given))


def versions(peer: str) -> dict[str, str]:
    """Every package of a peer with its version."""
    lines = (HERE / peer / "requirements.txt").read_text().splitlines()
    pinned = (line.split(";")[0].strip().partition("==") for line in lines if "==" in line and line[0] != "#")
    return {name: version for name, _, version in pinned}


def _uv(*words: str) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "uv", *words),
        capture_output=True,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )
    if done.returncode:
        raise NoEnvironment(f"`uv {' '.join(words)}` says: {(done.stderr or done.stdout).strip()[-800:]}")


def main() -> None:
    """Resolve, or install."""
    if sys.argv[1:] == ["install"]:
        for peer in folders():
            sys.stderr.write(f"{peer}: {python_of(peer)}\n")
    else:
        resolve()


if __name__ == "__main__":
    main()

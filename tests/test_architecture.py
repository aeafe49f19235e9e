"""The house rules that a reader relies on: who imports whom, how long things are, what the tree never says."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("streams", "agents", "tables", "clickhouse", "api", "metadata", "deploy", "bench", "tests")
FILES = sorted(p for top in PACKAGES for p in (ROOT / top).rglob("*.py"))

# Longest prefix wins; imports go from a higher number to a lower one, or stay inside one package.
LAYERS = {
    "tests.bench": 7,
    "bench": 6,
    "tests": 5,
    "deploy": 4,
    "streams.worker": 3,
    "streams.cli": 3,
    "agents": 2,
    "api": 2,
    "tables": 1,
    "clickhouse": 1,
    "metadata": 1,
    "streams": 0,
}
# The lazy `app`, and the one command that starts the embedded stack.
EXCEPTIONS = {("streams", "streams.worker"), ("streams.cli.local", "deploy.local")}
FAUST = {"streams.worker", "streams.chunks", "tables.faust"}


def module_of(path: Path) -> str:
    """The dotted name of a file below the root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def prefix_of(module: str) -> str | None:
    """The key of LAYERS that this module falls under; None outside the product."""
    fitting = [p for p in LAYERS if module == p or module.startswith(f"{p}.")]
    return max(fitting, key=len, default=None)


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a module imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def broken(importer: str, imported: str) -> bool:
    """Whether this import points up or sideways."""
    if any(importer == a and (imported == b or imported.startswith(f"{b}.")) for a, b in EXCEPTIONS):
        return False
    above, below = prefix_of(importer), prefix_of(imported)
    if above is None or below is None or above == below:
        return False
    return LAYERS[below] >= LAYERS[above]


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_module_keeps_the_house_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    name = module_of(path)
    imported = [*imports(tree)]
    wrong = [i for i in imported if broken(name, i)]
    assert not wrong, f"{name} imports {wrong}: imports only go down (see CONTRIBUTING.md)"
    if not name.startswith(("tests", "bench")) and name not in FAUST:
        assert not [i for i in imported if i.split(".")[0] == "faust"], f"{name} imports faust"
    assert text.count("\n") < 500, f"{name} has 500 lines or more; split it by what its parts are for"
    opening = ast.get_docstring(tree)
    assert opening, f"{name} needs a docstring that says in one sentence what it is for"
    if not name.startswith("tests"):
        long = [
            f"{node.name} (line {node.lineno})"
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
        ]
        assert not long, f"{name}: functions over 60 lines: {long}"


@pytest.mark.parametrize(
    ("importer", "imported", "verdict"),
    [
        ("agents.ingest", "streams.batch.Batch", False),
        ("streams.worker", "agents.ingest", False),
        ("streams.cli.local", "deploy.local.stack.Stack", False),
        ("clickhouse.sink", "clickhouse.client", False),
        ("streams.batch", "agents.ingest", True),
        ("agents.ingest", "api.health", True),
        ("clickhouse.sink", "tables.windows", True),
        ("streams.codec", "streams.cli.up", True),
        ("streams.cli.events", "deploy.local.stack", True),
        ("streams.cli.load", "streams.worker.app", True),
        ("agents.ingest", "tests.support.stack", True),
        ("tests.bench.test_race", "bench.peers.contestants", False),
        ("tests.agents.test_judge", "bench.world", True),
    ],
)
def test_the_import_rule_itself(importer: str, imported: str, verdict: bool) -> None:
    assert broken(importer, imported) is verdict


# Written apart, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w./-])/(?:work|ho" + r"me/\w+|Use" + r"rs/\w+|ro" + r"ot)/"),
    "the address of a package registry": re.compile(
        r"--(?:extra-)?index" + r"-url|--find" + r"-links|py" + r"pi\.\w+/simple"
    ),
    # The third word, in quotes, is also the code for "no currency".
    "unfinished work": re.compile(
        r"\b(?:TO" + r"DO|FIX" + r"ME|HA" + r"CK)\b|(?<!\")\bX" + r"XX\b|NotImplemented" + r"Error"
    ),
}
TEXT = {".py", ".md", ".toml", ".lock", ".yml", ".yaml", ".sql", ".json", ".cfg", ".txt", ".html", ".js", ".css", ""}


def tracked() -> list[Path]:
    """The files of the repository that hold text; in an unpacked archive without git, all but hidden folders."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.splitlines() or [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if not p.relative_to(ROOT).parts[0].startswith(".")
    ]
    return [ROOT / n for n in names if Path(n).suffix in TEXT and (ROOT / n).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_tree_never_says(what: str) -> None:
    texts = {path: path.read_text(errors="replace") for path in tracked()}
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in texts.items()
        if FORBIDDEN[what].search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert not found, f"{what}:\n" + "\n".join(found[:20])


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    pinned = re.findall(r"^[\w.\[\]-]+==.*?(?=^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(pinned) > 50
    assert [p.split()[0] for p in pinned if "--hash=sha256:" not in p] == []

"""The documents say what the code does: generated ones are current, every command and setting is explained."""

import re
from pathlib import Path
from typing import Any

import pytest

from streams import cli
from streams.cli.docs import GENERATED, text_of
from streams.settings import Settings

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("document", GENERATED)
def test_generated_document_is_current(document: str) -> None:
    assert (ROOT / document).read_text() == text_of(document), f"{document} is out of date; run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_is_explained_in_a_sentence(name: str) -> None:
    sentence = Settings.model_fields[name].description or ""
    assert sentence.rstrip(")").endswith("."), f"{name} needs a docstring of one sentence in streams/settings.py"


def leaves(path: str, command: Any) -> list[tuple[str, Any]]:
    """Every command below this one that does something, by its full name."""
    below = getattr(command, "commands", None)
    if below is None:
        return [(path, command)]
    return [leaf for name, sub in below.items() for leaf in leaves(f"{path} {name}", sub)]


LEAVES = [leaf for name in cli.COMMANDS for leaf in leaves(f"millrace {name}", cli.load_command(name))]


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
def test_command_and_its_options_have_help(path: str, command: Any) -> None:
    assert command.help, f"`{path}` needs a docstring"
    silent = [p.name for p in command.params if "--help" not in p.opts and not getattr(p, "help", None)]
    assert not silent, f"`{path}` has options without help: {silent}"
    assert f"## {path}\n" in (ROOT / "docs/commands.md").read_text()


def test_every_command_module_is_on_the_command_line() -> None:
    folder = ROOT / "streams/cli"
    names = {path.stem for path in folder.glob("[!_]*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    text = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    shared = {name for name in names if re.search(rf"from streams\.cli(\.{name}\b| import {name}\b)", text)}
    commands = {entry.target.partition(":")[0] for entry in cli.COMMANDS.values()}
    assert commands <= names
    assert names - commands <= shared, "a module that is neither a command nor shared by commands"


def test_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make up" in readme
    assert "make test" in readme


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("image", sorted((ROOT / "docs/images").iterdir()), ids=lambda image: image.name)
def test_every_image_is_shown(image: Path) -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text())
    }
    assert image in shown, f"no document shows {image.name}; show it, with words for who cannot see it, or remove it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()) if "://" not in t]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing, f"{page.relative_to(ROOT)} links to {missing}"

"""The race as a picture: a bar for each contestant, with the lowest and the highest round."""

from pathlib import Path
from typing import Any, Final

from api.reports.chart import number
from bench.curves.svg import STYLE, WIDTH, short, text
from bench.peers.contestants import OURS, PEERS, RAW

IMAGE: Final = Path(__file__).parent.parent.parent / "docs" / "images" / "race.svg"
CPU: Final = "events_per_core_second"
LEFT, RIGHT, TOP, BAR, STEP = 170, 70, 56, 18, 28
GIVEN, PLAIN, OWN = "#8b949e", "#d9822b", "#2f81f7"
TITLE: Final = "The whole job, events per second of one core"
LEGEND: Final = (("stages of its own", PLAIN), ("given the product's stages", GIVEN), ("the product", OWN))


def draw(told: dict[str, Any]) -> str:
    """The whole file, from a race's result."""
    found = [(name, each) for name, each in told["contestants"].items() if name != RAW]
    found.sort(key=lambda item: item[1][CPU])
    most = max(each["spread"][1] for _, each in found)
    height = TOP + STEP * len(found) + 12
    parts = [text(LEFT, 20, TITLE, size=15), *_legend()]
    for order, (name, each) in enumerate(found):
        parts += _bar(name, each, TOP + STEP * order, (WIDTH - LEFT - RIGHT) / most)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
    return "\n".join([f'{head} aria-label="{TITLE}">', STYLE, *parts, "</svg>"]) + "\n"


def _bar(name: str, each: dict[str, Any], y: float, by: float) -> list[str]:
    colour = OWN if name == OURS else PLAIN if PEERS[name].plain else GIVEN
    low, high = (LEFT + by * value for value in each["spread"])
    middle = y + BAR / 2
    return [
        text(LEFT - 8, middle + 4, name, "end"),
        f'<rect x="{LEFT}" y="{y}" width="{by * each[CPU]:.1f}" height="{BAR}" fill="{colour}">'
        f"<title>{name}: {number(each[CPU])}</title></rect>",
        f'<line class="grid" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke-width="2"/>',
        text(high + 6, middle + 4, short(float(f"{each[CPU]:.3g}")), soft=True),
    ]


def _legend() -> list[str]:
    parts: list[str] = []
    x = float(LEFT)
    for words, colour in LEGEND:
        parts += [f'<rect x="{x:.1f}" y="32" width="10" height="10" fill="{colour}"/>', text(x + 16, 41, words)]
        x += 16 + 7.0 * len(words) + 24
    return parts

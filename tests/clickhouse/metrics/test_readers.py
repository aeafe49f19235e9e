"""The page about all tables names the metrics that read each of them."""

from pathlib import Path

from clickhouse.metrics.catalogue import METRICS

PAGE = Path(__file__).parents[3] / "docs/reference/clickhouse.md"


def told() -> dict[tuple[str, str], bool]:
    """(metric, table): whether it is the first of the metric's tables, as the page says it."""
    _, _, section = PAGE.read_text().partition("\n## Metrics that read them\n")
    found: dict[tuple[str, str], bool] = {}
    for line in section.partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            table, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            for is_first, cell in zip((True, False), cells, strict=True):
                found |= {(name.strip(" `"), table.strip("`")): is_first for name in cell.split(",") if name}
    return found


def test_every_reading_of_the_catalogue_stands_on_the_page_and_no_other() -> None:
    read = {
        (metric.name, reading.source.table): reading.source.table == metric.readings[0].source.table
        for metric in METRICS
        for reading in metric.readings
    }
    assert told() == read

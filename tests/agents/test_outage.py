"""Of an outage the first try is told, then one a minute, and the end."""

from structlog.testing import capture_logs

from agents.outage import Outages


def test_an_outage_is_told_in_few_lines() -> None:
    now = 0.0
    outages = Outages(lambda: now)
    with capture_logs() as lines:
        outages.over("came back", "a", shard=1)
        for second in range(181):
            now = float(second)
            outages.met("is away", "a", shard=1)
        assert outages.lasts("a")
        outages.met("is away", "b", shard=2)
        now = 200.0
        outages.over("came back", "a", shard=1)
        outages.over("came back", "a", shard=1)
    told = [(line["event"], line["shard"], line.get("tries"), line.get("seconds")) for line in lines]
    assert told == [
        ("is away", 1, None, None),
        ("is away", 1, 61, 60),
        ("is away", 1, 121, 120),
        ("is away", 1, 181, 180),
        ("is away", 2, None, None),
        ("came back", 1, 181, 200.0),
    ]
    assert not outages.lasts("a")

"""`millrace up`: everything on this machine, with a demo."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.demo import Choice
from deploy.local.run import Options, Run
from streams.log import configure
from streams.settings import given


def up(
    demo: Annotated[
        Choice, typer.Option(help="What to send: 5,000 real rides, generated ticketing, both, or nothing.")
    ] = Choice.RIDES,
    rate: Annotated[
        int | None, typer.Option(min=1, max=20000, help="Generated events a second of each domain; default 50.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 1,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for",
            min=0,
            metavar="SECONDS",
            help="Stop producing after this time, wait until every record then in the topics is accounted for, say the "
            "totals and end.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when ready, one with the totals, and nothing else.")
    ] = False,
    home: Annotated[Path | None, typer.Option(help="Folder of data and logs; default MILLRACE_HOME.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the data in that folder first.")] = False,
) -> None:
    """Start everything on this machine, with a demo.

    Broker, ClickHouse, Redis and PostgreSQL are embedded, each on a free port, unless its URL setting names another.
    The embedded broker keeps its records in memory and forgets them at the end; rows stay in the home folder. By
    default 5,000 real New York rides are replayed (25,000 events), and generated traffic goes on after them; with
    --for and without --rate the replay is all of the rides. ctrl-c stops everything.

    The first line of --json has `urls` of broker, clickhouse, redis, postgres, dashboard and of the list workers,
    whether a part is embedded or given. The last line has the totals since the start, whoever sent the events:
    `others` are those that this run did not send (null where it was ended before all of its own were accounted for).
    """
    settings = given()
    if home is not None:
        settings = settings.model_copy(update={"millrace_home": home})
    # The view tells what happens; the log is for what goes wrong.
    configure(settings.log_format, "warning")
    Run(settings, Options(demo, rate, workers, seconds, as_json, fresh), typer.echo).run()

"""`millrace dlq`: look at dead letters, send them again, or give them up."""

import typer

from streams.cli.dlq import act, look

app = typer.Typer(no_args_is_help=True, help="Look at dead letters, send them again, or give them up.")


@app.callback()
def dlq() -> None:
    """Look at dead letters, send them again, or give them up; docs/dead-letters.md tells how to work with them."""


app.command("list")(look.list_letters)
app.command("show")(look.show)
app.command("replay")(act.replay)
app.command("discard")(act.discard)

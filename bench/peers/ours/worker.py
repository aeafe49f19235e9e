"""The product's own worker with every guarantee on, counting what the peers count in place of all its windows.

`python -m faust -A bench.peers.ours.worker worker`
"""

from agents import places
from bench.peers import place
from bench.peers.ours.windows import only_minutes
from tables.declared import declared

only_minutes(declared)

from streams.worker import app  # noqa: E402  # it takes the windows that are declared by now

places.load()


@app.task
async def ready() -> None:
    """Everything is started; the shards are recovered after this."""
    place.given().ready()

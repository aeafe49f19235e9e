"""The Faust table that holds the panes: in memory, without a changelog, written with its shard named.

A changelog could be overwritten by a stalled former owner of a shard, so the panes are rebuilt from ClickHouse instead
(R12). Faust takes the partition of a write from the event at hand, and a timed expiry has none; here the key names it.
"""

from typing import Any

import faust


class PaneTable(faust.Table):
    """Keys are (slices, shard, start), see `tables.panes.Place`; values are the lines of a pane."""

    def partition_for_key(self, key: Any) -> int:
        """The shard, which is the partition."""
        return int(key[1])

    def on_key_set(self, key: Any, value: Any) -> None:
        """Nothing to publish: there is no changelog."""
        self._sensor_on_set(self, key, value)

    def on_key_del(self, key: Any) -> None:
        """Nothing to publish."""
        self._sensor_on_del(self, key)

    async def on_start(self) -> None:
        """Start the store, and declare no topic."""
        await self.add_runtime_dependency(self.data)


def pane_table(app: Any, name: str) -> PaneTable:
    """A table of panes of this app; whoever makes it starts it.

    It is not among `app.tables`: for each of those Faust subscribes to a changelog topic, recovers it, and brings its
    own assignor into force.
    """
    return PaneTable(app, name=name, store="memory://", help="Panes of the windows, rebuilt from ClickHouse.")

"""Every kind of fault; a new one is a function in one of these files."""

from importlib import import_module

from tests.faults.kinds.kind import KINDS, Fault, Kind

__all__ = ["KINDS", "Fault", "Kind"]

for _part in ("worker", "clickhouse", "broker", "stores", "producer", "group", "intents", "maintenance"):
    import_module(f"{__name__}.{_part}")

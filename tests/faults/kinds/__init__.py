"""Every kind of fault; a new one is a function in one of these files."""

from importlib import import_module

from tests.faults.kinds.kind import KINDS, Fault, Kind

__all__ = ["KINDS", "Fault", "Kind"]

PARTS = (
    "worker",
    "clickhouse",
    "broker",
    "stores",
    "producer",
    "group",
    "intents",
    "topics",
    "versions",
    "maintenance",
)

for _part in PARTS:
    import_module(f"{__name__}.{_part}")

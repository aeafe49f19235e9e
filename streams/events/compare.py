"""What changed between two schemas of an event, and whether every event of the old one is still read and stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.events.base import Registry
from streams.events.columns import base_type, is_nullable
from streams.events.schema import event_schema

Json = Mapping[str, Any]

_RAISED = {"minimum", "exclusiveMinimum", "minLength"}
_LOWERED = {"maximum", "exclusiveMaximum", "maxLength"}
_EXACT = ("pattern", "format", "const")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two schemas."""

    path: str
    """Field, such as `data.pickup.latitude`."""
    message: str
    """What changed."""
    breaking: bool
    """Whether an event that the old schema allows could be refused, or would lose a stored value."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One change of one event against its checked-in schema."""

    event: str
    """Type of the event."""
    text: str
    """Where and what."""
    breaking: bool
    """Whether it breaks producers; a raised `version` says that this is meant."""


def differences(old: Mapping[str, Json], registry: Registry) -> list[Difference]:
    """Every change of the declared events against the newest checked-in schema of each type."""
    found: list[Difference] = []
    for name in [*registry.events, *(name for name in old if name not in registry.events)]:
        spec, was = registry.events.get(name), old.get(name)
        if was is None:
            found.append(Difference(name, "new event", False))
        elif spec is None:
            found.append(Difference(name, "event was removed: it would be refused as unknown", True))
        else:
            meant = not was["$id"].endswith(f":v{spec.version}")
            for change in changes(was, event_schema(spec)):
                text = f"{change.path}: {change.message}" if change.path else change.message
                found.append(Difference(name, text, change.breaking and not meant))
    return found


def changes(old: Json, new: Json) -> list[Change]:
    """Every difference that matters to producers or tables, in the order of the fields."""
    found = list(_object(old, new, old, new, ""))
    for key, was in old["x-kafka"].items():
        now = new["x-kafka"][key]
        if was != now:
            found.append(Change("", f"Kafka {key} was {_shown(was)}, is {_shown(now)}", True))
    found.extend(_columns(old["x-clickhouse"]["columns"], new["x-clickhouse"]["columns"]))
    return found


def _object(old: Json, new: Json, old_root: Json, new_root: Json, path: str) -> Iterator[Change]:
    had, has = old.get("properties", {}), new.get("properties", {})
    must, must_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in [*had, *(name for name in has if name not in had)]:
        where = f"{path}{name}"
        if name not in has:
            yield Change(where, "field was removed: its values are no longer stored", True)
        elif name not in had:
            kind = "required" if name in must_now else "optional"
            yield Change(where, f"{kind} field was added", name in must_now)
        else:
            if (name in must) != (name in must_now):
                yield Change(where, "is required now" if name in must_now else "is optional now", name in must_now)
            yield from _value(had[name], has[name], old_root, new_root, where)
    yield from _rules(old, new, path)


def _rules(old: Json, new: Json, path: str) -> Iterator[Change]:
    had, has = set(old.get("x-rules", ())), set(new.get("x-rules", ()))
    where = path.rstrip(".")
    for rule in sorted(has - had):
        yield Change(where, f"rule was added: {rule}", True)
    for rule in sorted(had - has):
        yield Change(where, f"rule was dropped: {rule}", False)


def _value(old: Json, new: Json, old_root: Json, new_root: Json, path: str) -> Iterator[Change]:
    had, has = _kinds(old, old_root), _kinds(new, new_root)
    for kind, was in had.items():
        now = has.get(kind) or (has.get("number") if kind == "integer" else None)
        if now is None:
            yield Change(path, f"{kind} is no longer accepted", True)
        elif kind == "object":
            yield from _object(was, now, old_root, new_root, f"{path}.")
        else:
            yield from _limits(was, now, path)
    for kind in has.keys() - had.keys() - ({"number"} if "integer" in had else set()):
        yield Change(path, f"{kind} is accepted now", False)
    if "integer" in had and "integer" not in has and "number" in has:
        yield Change(path, "number is accepted now", False)


def _kinds(schema: Json, root: Json) -> dict[str, Json]:
    """The JSON types that a field may have, each with the schema that limits it."""
    if "$ref" in schema:
        return _kinds(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in schema and "type" not in schema:
        return {kind: limits for option in schema["anyOf"] for kind, limits in _kinds(option, root).items()}
    return {str(schema.get("type", "string")): schema}


def _limits(old: Json, new: Json, path: str) -> Iterator[Change]:
    for key in sorted(_RAISED | _LOWERED):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        tighter = now is not None and (was is None or (now > was if key in _RAISED else now < was))
        yield Change(path, f"{key} was {_shown(was)}, is {_shown(now)}", tighter)
    for key in _EXACT:
        was, now = old.get(key), new.get(key)
        if was != now:
            yield Change(path, f"{key} was {_shown(was)}, is {_shown(now)}", now is not None)
    had, has = old.get("enum"), new.get("enum")
    if had != has:
        gone = [value for value in had or () if has is not None and value not in has]
        more = [value for value in has or () if had is not None and value not in had]
        if gone or had is None:
            yield Change(
                path,
                f"only these values are accepted now: {_shown(has)}"
                if had is None
                else f"values were removed: {_shown(gone)}",
                True,
            )
        if more or has is None:
            yield Change(
                path, f"values were added: {_shown(more)}" if has is not None else "every value is accepted now", False
            )


def _columns(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in old.keys() & new.keys():
        was, now = old[name], new[name]
        if was != now:
            narrower = base_type(was) != base_type(now) or (is_nullable(was) and not is_nullable(now))
            yield Change(f"column {name}", f"was {was}, is {now}", narrower)


def _shown(value: object) -> str:
    if value is None:
        return "unlimited"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

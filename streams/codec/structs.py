"""Fast structs, derived from the event classes: one for the data of each type, one for its whole CloudEvent."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, cast

import annotated_types as at
import msgspec
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo

from streams.errors import ConfigurationError
from streams.events.base import Event, EventSpec
from streams.events.columns import Column
from streams.events.envelope import Envelope
from streams.events.fields import MOMENT, TEXT_LENGTH, Marker, Part, no_control, parse_time
from streams.events.rules import Rule, envelope_time_fits, times_fit
from streams.events.shape import Shape, shape_of


class EnvelopeStruct(msgspec.Struct, gc=False):
    """A decoded CloudEvent. Each event type has a subclass of its own, made by `envelope_struct`."""

    spec: ClassVar[EventSpec]
    """What is known of the type; on the class of each type."""

    id: str
    """CloudEvents `id`."""
    source: str
    """CloudEvents `source`."""
    time: datetime
    """CloudEvents `time`, with the zone it was written in."""
    data: Any
    """The payload: a struct with the fields of the event class."""
    subject: str | None = None
    """CloudEvents `subject`; not stored."""
    dataschema: str | None = None
    """CloudEvents `dataschema`; not stored."""
    datacontenttype: str | None = None
    """CloudEvents `datacontenttype`; not stored."""


@cache
def data_struct(model: type[Part]) -> type[msgspec.Struct]:
    """The struct that holds a model's fields: same names, same types, same bounds, same rules."""
    _refuse_validators(model)
    fields: list[tuple[str, Any, Any]] = []
    times: list[str] = []
    for name, info in model.model_fields.items():
        shape = shape_of(info)
        if MOMENT in shape.metadata:
            times.append(name)
        fields.append((name, _annotation(model, name, shape), _default(info)))
    rules = (*((times_fit(*times),) if times else ()), *model.rules)
    return msgspec.defstruct(
        f"{model.__name__}Data" if issubclass(model, Event) else model.__name__,
        fields,
        namespace={"__doc__": model.__doc__, **_post_init(rules)},
        module=model.__module__,
        kw_only=True,
        omit_defaults=True,
        gc=False,
    )


@cache
def envelope_struct(spec: EventSpec) -> type[EnvelopeStruct]:
    """The struct of a whole CloudEvent of this type; the tag is the event's type."""
    envelope: dict[str, Any] = {"data": data_struct(spec.model)}
    for name, info in Envelope.model_fields.items():
        if name != "type":
            envelope[name] = _annotation(Envelope, name, shape_of(info))
    made = msgspec.defstruct(
        f"{spec.model.__name__}Event",
        [(name, kind, _default(Envelope.model_fields.get(name))) for name, kind in envelope.items()],
        bases=(EnvelopeStruct,),
        namespace={"spec": spec, **_post_init((envelope_time_fits,))},
        module=spec.model.__module__,
        tag_field="type",
        tag=spec.name,
        kw_only=True,
        gc=False,
    )
    return cast(type[EnvelopeStruct], made)


def _default(info: FieldInfo | None) -> Any:
    return msgspec.NODEFAULT if info is None or info.is_required() else info.default


def _post_init(rules: tuple[Rule, ...]) -> dict[str, Any]:
    """A `__post_init__` that applies the rules; the decoder calls it and adds the path to what it raises."""
    if not rules:
        return {}
    if len(rules) == 1:
        return {"__post_init__": rules[0]}

    def apply(self: Any) -> None:
        for rule in rules:
            rule(self)

    return {"__post_init__": apply}


def _annotation(model: type[Part], name: str, shape: Shape) -> Any:
    """The annotation that makes msgspec accept what pydantic accepts of this field."""
    base, bounds = shape.base, _bounds(model, name, shape)
    if _is_part(base):
        base = data_struct(base)
    elif isinstance(base, type) and issubclass(base, str) and "max_length" not in bounds:
        bounds["max_length"] = TEXT_LENGTH
    annotation = Annotated[base, msgspec.Meta(**bounds)] if bounds else base
    return annotation | None if shape.optional else annotation


def _is_part(base: Any) -> bool:
    return isinstance(base, type) and issubclass(base, Part)


def _refuse_validators(model: type[Part]) -> None:
    """Refuse what only pydantic would apply."""
    found = model.__pydantic_decorators__
    named = [*found.field_validators, *found.validators, *found.root_validators, *found.model_validators]
    for name in named:
        if name != "_apply_rules":
            raise ConfigurationError(
                f"{model.__name__}: the fast decoder knows nothing of validator {name!r}; state it as a rule of the "
                "class, which both decoders apply"
            )


def _bounds(model: type[Part], name: str, shape: Shape) -> dict[str, Any]:
    found: dict[str, Any] = {"tz": True} if MOMENT in shape.metadata else {}
    for item in shape.metadata:
        match item:
            case at.Ge(ge):
                found["ge"] = ge
            case at.Gt(gt):
                found["gt"] = gt
            case at.Le(le):
                found["le"] = le
            case at.Lt(lt):
                found["lt"] = lt
            case at.MinLen(length):
                found["min_length"] = length
            case at.MaxLen(length):
                found["max_length"] = length
            case Column() | Marker() | WithJsonSchema() | PlainSerializer():
                pass
            case BeforeValidator(func) | AfterValidator(func) if func in (parse_time, no_control):
                pass
            case _:
                raise ConfigurationError(
                    f"{model.__name__}.{name}: the fast decoder knows nothing of {item!r}; state it as a rule of "
                    "the class, which both decoders apply"
                )
    return found

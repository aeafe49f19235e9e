"""What a field's annotation says, taken apart: the type, its metadata, and whether it may be absent."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from annotated_types import GroupedMetadata
from pydantic import BaseModel
from pydantic.fields import FieldInfo


class Shape(NamedTuple):
    """`Annotated[int, Field(ge=0)] | None` is int, with Ge(0), optional."""

    base: Any
    """The type without Annotated and None; a union of several types stays whole."""
    metadata: tuple[Any, ...]
    """Constraints and markers, groups taken apart."""
    optional: bool
    """Whether None is allowed."""


def shape_of(info: FieldInfo) -> Shape:
    """The shape of one field."""
    return _shape(info.annotation, tuple(_flat(info.metadata)))


@cache
def shapes_of(model: type[BaseModel]) -> Mapping[str, Shape]:
    """The shapes of a class's fields by name."""
    return {name: shape_of(info) for name, info in model.model_fields.items()}


def _shape(annotation: Any, metadata: tuple[Any, ...], optional: bool = False) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *rest = get_args(annotation)
        return _shape(inner, (*_flat(rest), *metadata), optional)
    if origin in (Union, UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        optional = optional or len(options) < len(get_args(annotation))
        if len(options) == 1:
            return _shape(options[0], metadata, optional)
    return Shape(annotation, metadata, optional)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _flat(item.metadata)
        elif isinstance(item, GroupedMetadata):
            yield from _flat(item)
        else:
            yield item

"""The options by which dead letters are chosen, the same in every command."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import typer

from streams.cli.terminal import moment
from streams.errors import ConfigurationError, Reject
from streams.letter import Filter, LetterId, State

Reasons = Annotated[list[Reject] | None, typer.Option("--reason", help="Refused for this reason; may be repeated.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Of this event type; may be repeated.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="From this source topic; may be repeated.")]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Of this CloudEvents source; may be repeated.")]
Fields = Annotated[list[str] | None, typer.Option("--field", help="Refused for this field; may be repeated.")]
Causes = Annotated[
    list[str] | None, typer.Option("--cause", help="With this cause, as `list --by-cause` shows it; may be repeated.")
]
Since = Annotated[str | None, typer.Option(help="Ingested since: RFC 3339, or an age such as 90m, 2h, 7d.")]
Until = Annotated[str | None, typer.Option(help="Ingested before: RFC 3339, or an age.")]
States = Annotated[
    list[str] | None,
    typer.Option("--state", help="open, uncertain, replayed, discarded or any; may be repeated. Default: open."),
]
Ids = Annotated[list[str] | None, typer.Argument(help="Dead letters, as topic:partition:offset.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Everything = Annotated[bool, typer.Option("--all", help="Choose all letters, where no id and no filter is given.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

MOST_IDS: Final = 20
"""Ids that are told of one choice."""


@dataclass(frozen=True)
class Choice:
    """What the options of a command say."""

    ids: tuple[LetterId, ...]
    filter: Filter

    @classmethod
    def of(
        cls,
        ids: Sequence[str] | None,
        reason: Sequence[Reject] | None,
        kind: Sequence[str] | None,
        topic: Sequence[str] | None,
        source: Sequence[str] | None,
        field: Sequence[str] | None,
        cause: Sequence[str] | None,
        state: Sequence[str] | None,
        since: str | None,
        until: str | None,
        *,
        default: tuple[State, ...] = (State.OPEN,),
    ) -> "Choice":
        """`default`: the states meant where none is given. Raises ConfigurationError for what cannot be read."""
        chosen = Filter(
            reasons=[str(word) for word in reason or ()],
            types=kind or (),
            topics=topic or (),
            sources=source or (),
            fields=field or (),
            causes=cause or (),
            states=_states(state) if state else default,
            since=moment(since, "--since"),
            until=moment(until, "--until"),
        )
        parsed = tuple(dict.fromkeys(LetterId.parse(text) for text in ids or ()))
        if parsed and not (chosen.is_empty and state is None):
            raise ConfigurationError("give ids of dead letters or filters, not both")
        return cls(parsed, chosen)

    def require(self, everything: bool) -> None:
        """Refuse to touch all letters only because nothing was said. Raises ConfigurationError."""
        if not (self.ids or everything or not self.filter.is_empty):
            raise ConfigurationError("say which dead letters: by id, by filter (see --help), or --all")

    def facts(self) -> dict[str, Any]:
        """For the audit: the ids, or the filters that were given."""
        if self.ids:
            return {"ids": [str(each) for each in self.ids[:MOST_IDS]], "letters": len(self.ids)}
        given = asdict(self.filter)
        return {name: _plain(value) for name, value in given.items() if value}


def _plain(value: Any) -> Any:
    return [str(each) for each in value] if isinstance(value, (list, tuple)) else str(value)


def _states(given: Sequence[str]) -> tuple[State, ...]:
    """The states meant; `any`: all of them."""
    if "any" in given:
        return tuple(State)
    try:
        return tuple(State(word) for word in given)
    except ValueError:
        raise ConfigurationError(f"--state {' '.join(given)}: must be any, {', '.join(State)}") from None

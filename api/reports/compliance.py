"""The compliance report: who saw, exported, erased, replayed and changed what in a period, from the audit log."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from api.reports import page
from metadata.audit import Action, Outcome, Recorded
from metadata.models import ApiKey

KINDS: Final[dict[str, tuple[Action, ...]]] = {
    "Exported and fetched": (Action.EXPORT, Action.DOWNLOAD),
    "Ids of people read": (Action.PEOPLE_READ,),
    "Erased": (Action.ERASE,),
    "Dead letters replayed and given up": (Action.REPLAY, Action.DISCARD),
    "Keys, jobs and reports changed": (Action.KEY_MAKE, Action.KEY_REVOKE, Action.JOB_CHANGE, Action.REPORT_CHANGE),
    "Reports made": (Action.REPORT_MAKE,),
}
"""Kinds of acts that are listed one by one; runs of jobs are counted."""
ACTS: Final = 5000
"""Acts of one kind that are listed at most, the newest."""
UNKNOWN: Final = "begun, end unknown"


class Acts(NamedTuple):
    """What a period holds."""

    begin: datetime
    end: datetime
    acts: Sequence[Recorded]
    """Newest first."""
    keys: Sequence[ApiKey]
    """All keys."""


def facts(found: Acts) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "from": found.begin.isoformat(),
        "to": found.end.isoformat(),
        "acts": {kind: [each._asdict() for each in _of(found, actions)] for kind, actions in KINDS.items()},
        "job_runs": [{"job": job, "outcome": outcome, "attempts": count} for (job, outcome), count in _runs(found)],
        "keys": [
            {
                "id": key.id,
                "name": key.name,
                "scopes": key.scopes,
                "domains": key.domains,
                "last_used_at": key.last_used_at,
            }
            for key in _used(found)
        ],
    }


def section(found: Acts, title: str | None) -> str:
    """The report as a section of a page."""
    parts = [f"<h2>{page.text(title or 'Who did what')}</h2>"]
    parts.append(page.nothing(f"{_time(found.begin)} to {_time(found.end)} UTC, as the audit log has it."))
    for kind, actions in KINDS.items():
        acts = _of(found, actions)
        parts.append(f"<h3>{page.text(kind)} ({len(acts):,})</h3>")
        parts.append(page.table(_TITLES, [_line(each) for each in acts[:ACTS]]) if acts else page.nothing("Nobody."))
        if len(acts) > ACTS:
            parts.append(page.nothing(f"The newest {ACTS:,} are listed; `millrace audit list` has all."))
    runs = [[job, outcome, count] for (job, outcome), count in _runs(found)]
    parts.append("<h3>Runs of jobs</h3>")
    parts.append(page.table(["job", "outcome", "attempts"], runs) if runs else page.nothing("None."))
    parts.append("<h3>Keys that were used</h3>")
    parts.append(page.nothing("Those whose last use lies in the period or after it, and what each may read or send."))
    used = [
        [key.id, key.name, " ".join(key.scopes), " ".join(key.domains), _time(key.last_used_at)] for key in _used(found)
    ]
    titles = ["key", "name", "scopes", "domains", "last used"]
    parts.append(page.table(titles, used) if used else page.nothing("None."))
    return "".join(parts)


_TITLES: Final = ("when (UTC)", "who", "action", "on", "how", "outcome", "what came of it")


def _of(found: Acts, actions: Sequence[Action]) -> list[Recorded]:
    return [each for each in found.acts if each.action in actions]


def _runs(found: Acts) -> list[tuple[tuple[str, str], int]]:
    runs = Counter((each.subject, _outcome(each)) for each in found.acts if each.action == Action.JOB_RUN)
    return sorted(runs.items())


def _used(found: Acts) -> list[ApiKey]:
    return [key for key in found.keys if key.last_used_at is not None and key.last_used_at >= found.begin]


def _line(each: Recorded) -> list[Any]:
    how, came = words(each.parameters), words(each.figures)
    return [_time(each.at), each.actor, each.action, each.subject, how, _outcome(each), came]


def _outcome(each: Recorded) -> str:
    return UNKNOWN if each.outcome == Outcome.BEGUN else each.outcome


def words(values: Any) -> str:
    """Parameters of an act in one line."""
    given = {name: value for name, value in values.items() if value not in (None, "", [])}
    return ", ".join(f"{name} {' '.join(map(str, v)) if isinstance(v, list) else v}" for name, v in given.items())


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

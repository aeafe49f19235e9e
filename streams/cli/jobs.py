"""`millrace jobs`: the jobs of the scheduler, and what has become of their runs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import islice
from typing import Annotated, Any, NamedTuple, TypeVar

import typer

from metadata.answers import Answers
from metadata.leases import Holder, Leases
from metadata.models import JobRun, ScheduledJob
from metadata.schedule.declared import jobs as declared
from metadata.schedule.job import RunState
from metadata.schedule.jobs import LEASE, Change, Jobs, cron_of, is_on
from metadata.schedule.runs import Runs
from metadata.schedule.scheduler import utc_now
from metadata.session import connect
from streams.cli import terminal
from streams.errors import ConfigurationError
from streams.settings import Settings, load

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Show, run, enable and disable the jobs of the scheduler.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="As `millrace jobs list` shows it.")]
LOOK_SECONDS = 0.5
OVER = (RunState.DONE, RunState.FAILED, RunState.SKIPPED)


class Kept(NamedTuple):
    """The tables of jobs."""

    settings: Settings
    jobs: Jobs
    runs: Runs
    leases: Leases
    answers: Answers


@app.callback()
def jobs() -> None:
    """Show, run, enable and disable the jobs of the scheduler."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every job: whether it is on, when it is due next, and how its newest run went."""

    async def work(kept: Kept) -> tuple[list[ScheduledJob], dict[str, JobRun], Holder | None]:
        return await kept.jobs.all(), await kept.runs.last(), await kept.leases.holder(LEASE)

    found, last, holder = _with(work)
    if as_json:
        lines = [_facts(job) | {"last_run": _run(last[job.name]) if job.name in last else None} for job in found]
        terminal.json({"scheduler": holder.name if holder else None, "jobs": lines})
        return
    rows = [_line(job, last.get(job.name)) for job in found]
    terminal.table(["job", "is", "cron", "zone", "due next", "last due", "became", "seconds"], rows)
    typer.echo(f"scheduler: {holder.name}" if holder else "no scheduler runs; start `millrace scheduler`")


@app.command()
def show(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="Runs, the newest.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show one job whole, its next due times, and its newest runs with what they said."""

    async def work(kept: Kept) -> tuple[ScheduledJob, list[JobRun]]:
        return await kept.jobs.find(name), await kept.runs.newest(name, limit)

    job, runs = _with(work)
    if as_json:
        terminal.json(_facts(job) | {"runs": [_run(run) for run in runs]})
        return
    for label, value in _facts(job).items():
        shown = ", ".join(map(terminal.words, value)) if isinstance(value, list) else terminal.words(value)
        typer.echo(f"{label.replace('_', ' '):16} {shown}")
    for run in runs:
        typer.echo(f"\n{terminal.words(run.due_at)}  {run.state}, attempt {run.attempt}, run {run.id}")
        typer.echo("\n".join(f"  {terminal.words(line)}" for line in run.output.splitlines()))


@app.command()
def run(
    name: Name,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end; exit code 1 if it fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have a job run now, enabled or not. The scheduler does it, in its turn, and it stands in the history."""
    by = terminal.operator()

    async def work(kept: Kept) -> JobRun:
        await kept.jobs.find(name)
        if await kept.leases.holder(LEASE) is None:
            raise ConfigurationError("no scheduler runs, so nobody would do it; start `millrace scheduler`")
        number = await kept.runs.ask(name, by, utc_now())
        while True:
            found = await kept.runs.find(number)
            assert found is not None
            if not wait or found.state in OVER:
                return found
            await asyncio.sleep(LOOK_SECONDS)

    found = _with(work)
    if as_json:
        terminal.json(_run(found))
    else:
        typer.echo(f"run {found.id} of {name}: {found.state}")
        if found.output:
            typer.echo(found.output)
    if found.state in (RunState.FAILED, RunState.SKIPPED):
        raise typer.Exit(1)


@app.command()
def enable(
    name: Name,
    cron: Annotated[
        str | None,
        typer.Option(help="Other due times than the declared ones: minute hour day month weekday; '' for those again."),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="IANA zone on whose clock it is due; '' for the declared one again.")
    ] = None,
) -> None:
    """Let a job run by itself, from its next due time on."""
    _change(name, Change(enabled=True, cron=cron, zone=zone))


@app.command()
def disable(name: Name) -> None:
    """Let a job run no more by itself. A run that has begun goes on; one that waits is passed over."""
    _change(name, Change(enabled=False))


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="Of this job only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Runs, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what has become of the runs, the newest first."""

    async def work(kept: Kept) -> list[JobRun]:
        if name is not None:
            await kept.jobs.find(name)
        return await kept.runs.newest(name, limit)

    runs = _with(work)
    if as_json:
        terminal.json([_run(run) for run in runs])
        return
    columns = ["run", "job", "due", "became", "attempt", "begun", "seconds", "code", "asked by", "said last"]
    terminal.table(
        columns,
        [
            [
                str(r.id),
                r.job,
                r.due_at,
                r.state,
                r.attempt,
                r.started_at,
                _seconds(r),
                r.exit_code,
                r.asked_by,
                _last(r),
            ]
            for r in runs
        ],
    )


@app.command()
def clean() -> None:
    """Remove runs, and reports and exports that were made, of more than JOB_HISTORY_DAYS ago, and too old answers.

    Of each job the newest run stays. The job `clean` does this once a day.
    """

    async def work(kept: Kept) -> tuple[int, int, int]:
        settings, now = kept.settings, utc_now()
        gone = await kept.runs.clean(now - timedelta(days=settings.job_history_days))
        oldest = now - timedelta(seconds=settings.cache_fallback_seconds)
        return *gone, await kept.answers.trim(oldest, settings.cache_fallback_bytes)

    runs, reports, answers = _with(work)
    typer.echo(f"removed: {runs} runs, {reports} reports and exports, {answers} answers")


def _with(work: Callable[[Kept], Awaitable[T]]) -> T:
    async def with_tables() -> T:
        settings = load()
        engine = connect(settings)
        try:
            tables = Jobs(engine, settings), Runs(engine, settings), Leases(engine, settings), Answers(engine, settings)
            kept = Kept(settings, *tables)
            await kept.jobs.add(declared(settings), utc_now())
            return await work(kept)
        finally:
            await engine.dispose()

    return asyncio.run(with_tables())


def _change(name: str, change: Change) -> None:
    job = _with(lambda kept: kept.jobs.change(name, change, terminal.operator(), utc_now()))
    if not is_on(job):
        typer.echo(f"{name} is off")
        return
    cron = cron_of(job)
    typer.echo(f"{name} is on: '{cron.expression}' in {cron.zone.key}, next {terminal.words(cron.next(utc_now()))} UTC")


def _facts(job: ScheduledJob) -> dict[str, Any]:
    cron = cron_of(job)
    return {
        "name": job.name,
        "for": job.sentence,
        "command": " ".join(["millrace", *job.command]),
        "is_on": is_on(job),
        "cron": cron.expression,
        "zone": cron.zone.key,
        "due_next": [*islice(cron.after(utc_now()), 3)] if is_on(job) else [],
        "catch_up": job.catch_up if job.catch_up != "all" else f"all, up to {job.catch_up_limit}",
        "timeout_seconds": job.timeout_seconds,
        "attempts": job.attempts,
        "backoff_seconds": job.backoff_seconds,
        "changed_by": job.changed_by,
        "changed_at": job.changed_at,
    }


def _line(job: ScheduledJob, last: JobRun | None) -> list[Any]:
    cron = cron_of(job)
    due = cron.next(utc_now()) if is_on(job) else None
    ended = [last.due_at, last.state, _seconds(last)] if last else [None, None, None]
    return [job.name, "on" if is_on(job) else "off", cron.expression, cron.zone.key, due, *ended]


def _run(run: JobRun) -> dict[str, Any]:
    names = ("id", "job", "due_at", "state", "attempt", "started_at", "ended_at", "exit_code", "output", "asked_by")
    return {name: getattr(run, name) for name in names}


def _seconds(run: JobRun) -> str:
    if run.started_at is None or run.ended_at is None or run.ended_at < run.started_at:
        return ""
    return f"{(run.ended_at - run.started_at).total_seconds():.1f}"


def _last(run: JobRun) -> str:
    lines = run.output.strip().splitlines()
    return lines[-1][:100] if lines else ""

"""Who may see what: roles, users and row policies for `deploy/clickhouse/users.d`, derived from the schema.

A table belongs to the domain whose raw table it is, or is filled from by views. One with a column `domain` is shared:
analysts of a domain see their own rows there, by row policy. Everything else (letters with the original bytes, the
delivery's own tables, audits) is for operators, so a new table is closed to analysts until it says whose it is.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from clickhouse import statements
from clickhouse.backup.restore import VERIFY
from clickhouse.cluster import ALL
from streams.events.domains import DOMAINS, Domain

STRUCTURE = Path(__file__).parent / "structure.sql"
DATABASE = "millrace"
"""The name that the files speak of; CLICKHOUSE_DATABASE's default."""

_CREATED = re.compile(r"CREATE (TABLE|VIEW|MATERIALIZED VIEW) \{database\}\.(\w+)(?: TO \{database\}\.(\w+))?")
_FROM = re.compile(r"\b(?:FROM|JOIN)\s+\{database\}\.(\w+)")
_SHARED = re.compile(r"^    `domain` ", re.MULTILINE)


class Kind(StrEnum):
    """Whose a table is, where it is no single domain's."""

    SHARED = "shared"
    OPERATORS = "operators"


def owners(structure: str) -> dict[str, str]:
    """Per table and plain view the name of its domain, or a Kind; from the text of `structure.sql`."""
    found = {domain.raw_table: domain.name for domain in all_domains()}
    made = [(match, sql) for sql in statements.split(structure) if (match := _CREATED.match(sql))]
    for match, sql in made:
        if match[1] == "TABLE" and match[2] not in found:
            found[match[2]] = Kind.SHARED if _SHARED.search(sql) else Kind.OPERATORS
    views = {match[2]: _FROM.findall(sql) for match, sql in made if match[1] == "VIEW"}
    feeds: dict[str, set[str]] = {}
    for match, sql in made:
        if match[3]:
            feeds.setdefault(match[3], set()).update(_FROM.findall(sql))
    # A rollup may hang off another rollup, so look until nothing changes any more.
    for _ in range(len(found)):
        for target, sources in feeds.items():
            if found.get(target) == Kind.OPERATORS:
                found[target] = _common(found, sources)
    return found | {name: _common(found, sources) for name, sources in views.items()}


def all_domains() -> list[Domain]:
    """The domains in the order of their names."""
    return sorted(DOMAINS.values(), key=lambda domain: domain.name)


def _common(found: Mapping[str, str], sources: Iterable[str]) -> str:
    kinds = {found.get(source, Kind.OPERATORS) for source in sources}
    return kinds.pop() if len(kinds) == 1 else Kind.OPERATORS


def roles_file() -> str:
    """The text of `users.d/roles.xml`."""
    owner = owners(STRUCTURE.read_text(encoding="utf-8"))
    lines = []
    for name, (comment, grants) in _roles(owner).items():
        lines += [f"    <!-- {comment} -->", f"    <{name}>", "      <grants>"]
        lines += [f"        <query>{grant}</query>" for grant in grants]
        lines += ["      </grants>", f"    </{name}>"]
    return _document(["  <roles>", *lines, "  </roles>"])


def users_file() -> str:
    """The text of `users.d/users.xml`: a user for each kind of work, the analysts with the row policies of a domain."""
    owner = owners(STRUCTURE.read_text(encoding="utf-8"))
    shared = [name for name, kind in owner.items() if kind == Kind.SHARED and name not in _view_names()]
    lines = [
        "  <users>",
        "    <!-- The user without a password that a fresh server has. -->",
        '    <default remove="1"/>',
    ]
    for name, (profile, quota, role, domain) in _users().items():
        lines += [f"    <{name}>"]
        lines += [f'      <password_sha256_hex from_env="{name.upper()}_PASSWORD_SHA256"/>']
        lines += ["      <networks><ip>::/0</ip></networks>"]
        lines += [f"      <profile>{profile}</profile>", f"      <quota>{quota}</quota>"]
        lines += [f"      <grants><query>GRANT {role}</query></grants>"]
        if domain is not None:
            # On the tables that hold the rows only: one on a Distributed table is refused, and the twins ask these.
            lines += ["      <databases>", f"        <{DATABASE}>"]
            lines += [f"          <{t}><filter>domain = '{domain.name}'</filter></{t}>" for t in shared]
            lines += [f"        </{DATABASE}>", "      </databases>"]
        lines += [f"    </{name}>"]
    return _document([*lines, "  </users>"])


def _roles(owner: Mapping[str, str]) -> dict[str, tuple[str, list[str]]]:
    both = (DATABASE, DATABASE + ALL)
    system = [f"GRANT SELECT ON system.{t}" for t in ("tables", "columns", "parts", "processes", "replicas", "one")]
    found = {
        "ingest": (
            "The worker: rows in, its own rows counted, and tables of its own on which a refused batch is looked at.",
            [
                f"GRANT SELECT, INSERT, SYSTEM SYNC REPLICA ON {DATABASE}.*",
                f"GRANT CREATE TABLE, DROP TABLE, ALTER CONSTRAINT ON {DATABASE}.scratch_*",
                *system,
                "GRANT REMOTE ON *.*",
            ],
        ),
        "migrate": (
            "Migrations, rebuilds, retention, backup, setup.",
            [
                *(f"GRANT ALL ON {database}.*" for database in (*both, DATABASE + VERIFY)),
                "GRANT SELECT ON system.*",
                "GRANT CLUSTER ON *.*",
                "GRANT REMOTE ON *.*",
                "GRANT SYSTEM SYNC REPLICA ON *.*",
            ],
        ),
        "api": (
            "The API, dashboards, exports: everything, to read.",
            [*(f"GRANT SELECT ON {database}.*" for database in both), *system],
        ),
        "operator": (
            "`millrace hold`, `dlq`, `intents`: reads everything, writes holds, audits and repairs.",
            [
                *(f"GRANT SELECT ON {database}.*" for database in both),
                *(
                    f"GRANT INSERT ON {database}.{table}"
                    for table in ("holds", "dead_letter_actions", "delivered", "chain_repairs", "repairs")
                    for database in both
                ),
                f"GRANT SYSTEM SYNC REPLICA ON {DATABASE}.*",
                *system,
                "GRANT REMOTE ON *.*",
            ],
        ),
    }
    for domain in all_domains():
        tables = sorted(name for name, kind in owner.items() if kind in (domain.name, Kind.SHARED))
        found[f"analyst_{domain.name}"] = (
            f"People of {domain.name}: its tables, and of the shared ones its rows (see users.xml).",
            [f"GRANT SELECT ON {database}.{table}" for database in both for table in tables],
        )
    return found


def _users() -> dict[str, tuple[str, str, str, Domain | None]]:
    """Per user profile, quota, role, and the domain whose rows it sees."""
    found: dict[str, tuple[str, str, str, Domain | None]] = {
        "millrace_ingest": ("ingest", "ingest", "ingest", None),
        "millrace_migrate": ("migrate", "ingest", "migrate", None),
        "millrace_api": ("api", "api", "api", None),
        "millrace_operator": ("migrate", "ingest", "operator", None),
    }
    for domain in all_domains():
        found[f"analyst_{domain.name}"] = ("bi", "bi", f"analyst_{domain.name}", domain)
    return found


def _view_names() -> set[str]:
    """Plain views: the policies of the tables below them hold, and a policy of their own would be asked too."""
    made = map(_CREATED.match, statements.split(STRUCTURE.read_text(encoding="utf-8")))
    return {match[2] for match in made if match and match[1] == "VIEW"}


def _document(lines: Iterable[str]) -> str:
    head = "  <!-- Written by `make docs` from clickhouse/access.py and clickhouse/structure.sql. -->"
    return "\n".join(["<clickhouse>", head, *lines, "</clickhouse>"]) + "\n"

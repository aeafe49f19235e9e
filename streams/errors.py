"""The errors of the whole product, drawn once, and the closed list of reasons a message may be refused.

MillraceError
+-- ConfigurationError      stop with a clear message; a person must change something
|   +-- SchemaDrift         ClickHouse's tables are not the ones this version writes
|   +-- MigrationChanged    an applied migration file has another checksum now
+-- SinkUnavailable         ClickHouse, the broker or the webhook is away: hold, back off, try again
+-- WebhookRefused          the receiver of alerts answers no, or may not be reached: keep the alert, try again
+-- BlockRefused            ClickHouse looked at the rows and refused them
|   +-- BatchAged           refused because the batch is older than the tables accept
+-- ShardStopped            this shard must not go on until a person has looked
|   +-- LogCut              the log of intents lost records that ClickHouse has seen
|   +-- WitnessBehind       ClickHouse lacks rows that were delivered, as after a restore
|   +-- SourceCut           a source topic lost records that no batch has taken
|   +-- TooManyRejected     the share of dead letters is above its limit
|   +-- UnknownIntentFormat a newer version has written to this shard's log
|   +-- InvariantBroken     counts that must agree do not; nothing is written any more
+-- RebuildFailed           a table made again is not what its raw rows give; nothing was lost, try again
+-- IntentConflict          another owner's record is ahead of ours: let the shard go and recover
+-- QueryRefused            a reader asked for what there is not; the text says what there is
+-- LiveUnavailable         Redis is away, so nothing live can be read; the next request tries again
+-- MetadataUnavailable     PostgreSQL is away, so keys cannot be read; the next request tries again
"""

from enum import StrEnum


class MillraceError(Exception):
    """Base of every error that this product raises on purpose. The text says what, which value, what to do."""


class ConfigurationError(MillraceError):
    """A setting, topic or table is wrong. The process stops; the operator changes what the text names."""


class SchemaDrift(ConfigurationError):
    """ClickHouse's tables differ from what this version writes. Run `millrace migrate apply`."""


class MigrationChanged(ConfigurationError):
    """An applied migration file was edited. Restore the file and add a new migration instead."""


class SinkUnavailable(MillraceError):
    """ClickHouse, the broker or the webhook cannot be reached or is overloaded: held, and tried again by itself."""


class WebhookRefused(MillraceError):
    """The receiver refuses alerts, or its address is internal. They are kept; mend the receiver or the setting."""


class BlockRefused(MillraceError):
    """ClickHouse refused the content of an insert; a retry of the same rows cannot succeed."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        """ClickHouse's exception code."""


class BatchAged(BlockRefused):
    """The constraint `fresh` refused the rows: the batch is aged and may only be counted."""


class ShardStopped(MillraceError):
    """The shard stays stopped until a person has looked; other shards go on."""


class LogCut(ShardStopped):
    """The log of intents was cut or re-created. Run `millrace intents repair`."""


class WitnessBehind(ShardStopped):
    """ClickHouse lacks rows that were delivered, as after a restore. Run `millrace intents repair`."""


class SourceCut(ShardStopped):
    """A source topic no longer holds records that no batch has taken. Run `millrace intents repair`."""


class TooManyRejected(ShardStopped):
    """The share of dead letters is above `DEAD_LETTER_LIMIT`. Look at `millrace dlq list`, then restart."""


class UnknownIntentFormat(ShardStopped):
    """The log holds records of a newer version. Finish the upgrade; this worker does not judge them."""


class Invariant(StrEnum):
    """What must never be seen by a worker."""

    ROWS_ABOVE_INTENT = "rows_above_intent"
    """ClickHouse holds more rows of a record than it says."""
    RANGE_NOT_COVERED = "range_not_covered"
    """The records of a batch leave a hole in its range."""
    OWN_RECORD_VOID = "own_record_void"
    """A record that nobody was ahead of is not valid."""


class InvariantBroken(ShardStopped):
    """Something that must never happen was seen, such as more rows than the record says. Report it."""

    def __init__(self, message: str, invariant: Invariant | None = None) -> None:
        super().__init__(message)
        self.invariant = invariant
        """Under what a worker counts it."""


class RebuildFailed(MillraceError):
    """A table made again from raw rows did not stand the check, or somebody wrote under the hold. Try again."""


class IntentConflict(MillraceError):
    """Another owner has moved this shard's chain on. The shard is let go and recovered."""


class QueryRefused(MillraceError):
    """A reader asked for something that cannot be answered; `hint` says what can."""

    def __init__(self, message: str, *, code: str, value: str, hint: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        """One word for programs, such as `unknown_window`."""
        self.value = value
        """What was asked for."""
        self.hint = hint
        """What to do."""
        self.near = near
        """Names that were perhaps meant."""


class LiveUnavailable(MillraceError):
    """Redis cannot be reached, so live windows cannot be read. The next request tries again."""


class MetadataUnavailable(MillraceError):
    """PostgreSQL cannot be reached, so nothing of the metadata database can be read. The next request tries again."""


class Reject(StrEnum):
    """Why a message became a dead letter. The same word is header, column, metric label and docs row."""

    MALFORMED = "malformed"
    """The bytes are not one CloudEvent: no JSON object, bad UTF-8 (in a header's name too), or an envelope field is
    missing or wrong."""
    UNKNOWN_TYPE = "unknown_type"
    """The event type is declared nowhere in this version."""
    WRONG_TOPIC = "wrong_topic"
    """The event type is known, but belongs on another topic."""
    INVALID = "invalid"
    """A field of the event's data is missing or wrong."""
    IN_FUTURE = "in_future"
    """The event time is more than the allowed skew ahead of the batch's ingestion time."""
    TOO_OLD = "too_old"
    """The event time lies before the end of cold storage; the row would be dropped at once."""
    REFUSED = "refused"
    """ClickHouse refused this row although validation had let it pass."""

"""The engine's server configuration, written into the data folder."""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

HOT_COLD = "hot_cold"
"""The storage policy with a volume `cold` beside the default one."""

BACKUPS = "backups"
"""Folder beside the data folder that BACKUP may write to."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server. Bytes and seconds."""

    memory_bytes: int = 2 << 30
    """Memory of the engine over all queries."""
    query_memory_bytes: int = 1 << 30
    """Memory of one query."""
    body_bytes: int = 256 << 20
    """Longest body of a request, as it comes over the wire and unpacked."""
    spool_memory_bytes: int = 128 << 20
    """Bodies and held results kept in memory, together; what is beyond lies in the data folder."""
    queries: int = 16
    """Queries that run side by side."""
    inserts: int = 8
    """Inserts that run side by side, beside the queries."""
    waiting: int = 200
    """Queries, and as many inserts, that may wait."""
    waiting_seconds: float = 5
    """How long one waits before it is refused with error 202."""
    receive_seconds: float = 30
    """A client that sends no byte of its body for so long is cut off."""
    send_seconds: float = 60
    """A client that takes no byte of its answer for so long is cut off."""
    keep_free_bytes: int = 256 << 20
    """Room that inserts and merges leave on the disk: with less, they are refused before a write can fail."""
    stop_seconds: float = 20
    """How long running queries may go on when the server is told to stop."""


_LOGS = """
  <{name}>
    <database>system</database><table>{name}</table>
    <partition_by>toMonday(event_date)</partition_by><ttl>event_date + INTERVAL 14 DAY DELETE</ttl>
    <flush_interval_milliseconds>3000</flush_interval_milliseconds>
    <buffer_size_rows_flush_threshold>10000</buffer_size_rows_flush_threshold>
    <max_size_rows>100000</max_size_rows><reserved_size_rows>1024</reserved_size_rows>
  </{name}>"""

_CONFIG = """<clickhouse>
  <!-- Written at every start; the same folder must always be opened with this file. -->
  <logger><level>error</level><console>0</console></logger>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <max_server_memory_usage_to_ram_ratio>0.8</max_server_memory_usage_to_ram_ratio>
  <mark_cache_size>134217728</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_mark_cache_size>33554432</index_mark_cache_size>
  <mmap_cache_size>100</mmap_cache_size>
  <compiled_expression_cache_size>33554432</compiled_expression_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <merge_tree>
    <!-- Small parts count alike, whatever they weigh: by the usual 5 a month of a rollup is written again every fifth
         insert. ClickHouse lowers it by itself as parts grow old or many. -->
    <merge_selector_base>20</merge_selector_base>
    <!-- A part below 10 MB is one file instead of fourteen: each batch makes some twenty parts, merges remove them, and
         ext4 looks through all inodes that were freed of late before it gives one away. -->
    <min_bytes_for_full_part_storage>10485760</min_bytes_for_full_part_storage>
    <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    <max_bytes_to_merge_at_max_space_in_pool>10737418240</max_bytes_to_merge_at_max_space_in_pool>
  </merge_tree>{logs}
  <storage_configuration>
    <disks>
      <!-- A merge whose last write fails for want of room can take the place of its parts all the same. -->
      <default><keep_free_space_bytes>{keep_free}</keep_free_space_bytes></default>
      <cold><path>{cold}/</path><keep_free_space_bytes>{keep_free}</keep_free_space_bytes></cold>
    </disks>
    <policies>
      <{policy}>
        <!-- A table of the policy `default` can come here: the volume of that policy, by its name, is the hot one. -->
        <volumes><default><disk>default</disk></default><cold><disk>cold</disk></cold></volumes>
        <move_factor>0</move_factor>
      </{policy}>
    </policies>
  </storage_configuration>
  <backups><allowed_path>{backups}/</allowed_path></backups>
</clickhouse>
"""


def write(folder: Path, limits: Limits) -> Path:
    """Write the configuration of the engine over this folder and return its path."""
    cold = folder / "cold"
    cold.mkdir(parents=True, exist_ok=True)
    logs = "".join(_LOGS.format(name=name) for name in ("query_log", "part_log"))
    path = folder / "config.xml"
    text = _CONFIG.format(
        memory=limits.memory_bytes,
        logs=logs,
        cold=escape(str(cold)),
        keep_free=limits.keep_free_bytes,
        policy=HOT_COLD,
        backups=escape(str(folder.parent / BACKUPS)),
    )
    path.write_text(text, "utf-8")
    return path

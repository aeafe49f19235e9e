"""Splitting SQL files, filling in names, checksums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickhouse import statements
from streams.errors import ConfigurationError

PIECES = (
    "SELECT 1",
    "SELECT ';'",
    "SELECT 'it''s; fine'",
    r"SELECT '\'; still a string'",
    'SELECT ";" AS `a;b`',
    "SELECT $heredoc$ ; ' $heredoc$",
    "SELECT 10 / 2 - 1",
    "SELECT 'a\n\n  b'",
    "CREATE TABLE {database}.t (x UInt8) ENGINE = Null",
)
BETWEEN = ("\n", "  ", "-- a comment; with 'quotes\n", "/* one; * more */", "# hash; comment\n", "\r\n\t")


def test_nothing_is_no_statement() -> None:
    assert statements.split(" ;; -- only a comment") == []


def test_a_comment_separates_words_and_leaves_no_empty_line() -> None:
    assert statements.split("SELECT/* x */1,\n  -- why\n  2;") == ["SELECT 1,\n  2"]


def test_text_inside_a_string_stays_as_it_is() -> None:
    assert statements.split("SELECT 'a\n\n -- b';") == ["SELECT 'a\n\n -- b'"]


@given(
    st.lists(st.tuples(st.sampled_from(BETWEEN), st.sampled_from(PIECES), st.sampled_from(BETWEEN)), max_size=6),
    st.booleans(),
)
def test_whatever_stands_between_statements_is_dropped(parts: list[tuple[str, str, str]], closed: bool) -> None:
    text = ";".join(before + piece + after for before, piece, after in parts) + (";" if closed else "")

    assert statements.split(text) == [piece for _, piece, _ in parts]


@pytest.mark.parametrize("text", ["SELECT 'a", 'SELECT "a', "SELECT `a", "SELECT 1 /* a"])
def test_an_open_string_or_comment_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"line 3: .* is not closed"):
        statements.split(f"SELECT 1;\n\n{text}")


def test_the_name_is_filled_in_and_parameters_are_left_alone() -> None:
    assert statements.render("SELECT {x:UInt8} FROM {database}.t", "rides_1") == "SELECT {x:UInt8} FROM rides_1.t"


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a.b", "a b", "a`; DROP TABLE x", "ä"])
def test_a_name_that_needs_quotes_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="CLICKHOUSE_DATABASE"):
        statements.render("{database}", name)


def test_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"\{cluster\}"):
        statements.render("CREATE TABLE x ON CLUSTER {cluster}", "a")


def test_a_checksum_does_not_depend_on_line_ends() -> None:
    assert statements.checksum("a\r\nb") == statements.checksum("a\nb") != statements.checksum("a b")

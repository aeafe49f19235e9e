"""User agents as they come, and as nobody should send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.device import describe

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
CHROMEBOOK = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) {APPLE}"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {APPLE}"
PHONE = "Mozilla/5.0 (Linux; Android 14; SM-S918B)"
TABLET = "Mozilla/5.0 (Linux; Android 13; SM-X906C)"
TELEVISION = "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/538.1 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (f"{WINDOWS} {WEBKIT} Chrome/120.0.0.0 Safari/537.36", ("desktop", "Chrome", "Windows")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", ("desktop", "Firefox", "Linux")),
        (f"{CHROMEBOOK} {WEBKIT} Chrome/120.0.0.0 Safari/537.36", ("desktop", "Chrome", "Chrome OS")),
        (f"{IPHONE} Version/17.1 Mobile/15E148 Safari/604.1", ("mobile", "Mobile Safari", "iOS")),
        (f"{IPAD} Version/16.6 Mobile/15E148 Safari/604.1", ("tablet", "Mobile Safari", "iOS")),
        (f"{PHONE} {WEBKIT} Chrome/119.0.0.0 Mobile Safari/537.36", ("mobile", "Chrome Mobile", "Android")),
        (f"{TABLET} {WEBKIT} Chrome/117.0.0.0 Safari/537.36", ("tablet", "Chrome", "Android")),
        (f"{TELEVISION} Version/7.0 TV Safari/538.1", ("tv", "Safari", "Tizen")),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", ("bot", "Googlebot", "")),
        ("curl/8.4.0", ("bot", "curl", "")),
        ("what is this", ("", "", "")),
    ],
)
def test_known_user_agents(user_agent: str, expected: tuple[str, str, str]) -> None:
    assert describe(user_agent) == expected


def test_nothing_is_known_without_a_user_agent() -> None:
    assert describe(None) == describe("") == ("", "", "")


@given(st.text(max_size=200))
def test_any_text_gives_three_words(user_agent: str) -> None:
    assert [type(part) for part in describe(user_agent)] == [str, str, str]


def test_a_long_user_agent_costs_no_more_than_its_beginning() -> None:
    head = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
    assert describe(head + " x" * 50_000) == describe(head)

"""Tells device, browser and operating system from a user agent."""

from functools import lru_cache

from ua_parser import Result, parse

USER_AGENTS_CACHED = 20_000
"""Distinct user agents remembered, some 500 bytes each; an unseen one costs about 0.05 ms."""
LONGEST = 1024
"""Characters of a user agent that are looked at; real ones are shorter."""
DESKTOPS = frozenset(("Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS", "FreeBSD", "OpenBSD"))
PHONES = frozenset(("iOS", "Android", "Windows Phone", "KaiOS", "BlackBerry OS", "Firefox OS", "HarmonyOS"))
TELEVISIONS = (
    "SMART-TV",
    "SmartTV",
    "Smart TV",
    "AppleTV",
    "Apple TV",
    "GoogleTV",
    "Google TV",
    "BRAVIA",
    "HbbTV",
    "CrKey",
    "AFT",
)
TABLETS = ("iPad", "Tablet", "tablet", "Kindle", "Silk/", "PlayBook")
PROGRAMS = (
    "bot",
    "Bot",
    "crawl",
    "spider",
    "curl/",
    "Wget/",
    "python-",
    "Python/",
    "Go-http-client",
    "Java/",
    "HeadlessChrome",
)
"""Marks of what is not a person, beside what the parser itself calls a spider."""


@lru_cache(USER_AGENTS_CACHED)
def describe(user_agent: str | None) -> tuple[str, str, str]:
    """Device type (desktop, mobile, tablet, tv, bot or empty), browser and system; empty where not known."""
    if not user_agent:
        return "", "", ""
    parsed = parse(user_agent[:LONGEST])
    browser = parsed.user_agent.family if parsed.user_agent else ""
    system = parsed.os.family if parsed.os else ""
    return _device(user_agent[:LONGEST], parsed, system), browser, system


def _device(user_agent: str, parsed: Result, system: str) -> str:
    family = parsed.device.family if parsed.device else ""
    if family == "Spider" or any(mark in user_agent for mark in PROGRAMS):
        return "bot"
    if any(mark in user_agent for mark in TELEVISIONS):
        return "tv"
    # Android tablets say Android without Mobile.
    if any(mark in user_agent for mark in TABLETS) or (system == "Android" and "Mobile" not in user_agent):
        return "tablet"
    if system in PHONES or "Mobile" in user_agent:
        return "mobile"
    return "desktop" if system in DESKTOPS else ""

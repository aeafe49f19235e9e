"""What docs/realtime.md shows can be typed in."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "realtime.md").read_text()


def test_the_example_declares_windows() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert sorted(names["to"].windows) == ["rides.payments.by_method.1h", "rides.payments.by_method.5m"]  # type: ignore[attr-defined]

"""Why the cache had no answer, by what this process remembers of the questions that it was asked."""

from collections import OrderedDict
from enum import StrEnum
from typing import Final

from streams import http_metrics

REMEMBERED: Final = 20_000
"""Questions, those that were asked last; some megabytes."""


class Reason(StrEnum):
    """Why an answer had to be made while somebody waited."""

    NEW = "new"
    """This process was not asked it lately: another board, period or filter, or the next quarter of an hour."""
    MOVED = "moved"
    """It was asked, but the data has moved on further than old answers are served."""
    GONE = "gone"
    """Redis should have it, and has not: its time was over though no data came, or Redis had no room, or began anew."""


class Misses:
    """What the last answer to each question was made of. `most`: questions that are remembered."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._steps: OrderedDict[str, int] = OrderedDict()

    def had(self, question: str, step: int) -> None:
        """Note that an answer to a question is there, and the step of the data that it tells."""
        self._steps[question] = max(step, self._steps.pop(question, step))
        if len(self._steps) > self._most:
            self._steps.popitem(last=False)

    def count(self, question: str, step: int, steps: int) -> Reason:
        """Why there is no answer for a step of the data, where those of `steps` before would do; counts it."""
        last = self._steps.get(question)
        reason = Reason.NEW if last is None else Reason.MOVED if step - last > steps else Reason.GONE
        http_metrics.METRIC_MISSES.labels(reason).inc()
        return reason

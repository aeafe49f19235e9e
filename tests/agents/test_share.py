"""Dead letters above the limit stop a shard; few records, and what is long ago, do not."""

import pytest

from agents.share import DeadShare
from streams.errors import TooManyRejected


def test_a_share_above_the_limit_is_told_once_there_are_enough_records() -> None:
    share = DeadShare(3, 0.2, 1000)
    for _ in range(9):
        share.check(100, 30)
    with pytest.raises(TooManyRejected, match=r"shard 3: 300 of the last 1000 records .*DEAD_LETTER_LIMIT=0.2\."):
        share.check(100, 30)


def test_only_the_newest_batches_count() -> None:
    share = DeadShare(3, 0.2, 1000)
    share.check(900, 600)
    share.check(1000, 200)
    share.check(1000, 200)
    with pytest.raises(TooManyRejected, match="201 of the last 1000"):
        share.check(1000, 201)

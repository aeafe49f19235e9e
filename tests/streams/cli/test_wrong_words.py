"""Words on the command line that cannot work are told before anything is opened."""

import pytest

from streams.errors import ConfigurationError
from tests.support.invoked import call


def test_a_file_to_replay_that_is_not_there() -> None:
    refused = call("dlq", "replay", "rides.booking:0:0", "--file", "/nope")
    assert refused.exit_code == 2
    assert "'/nope' does not exist" in refused.stderr


@pytest.mark.parametrize("command", ["load", "replay"])
def test_brokers_that_are_no_addresses(command: str) -> None:
    words = {"load": ["load", "--count", "1"], "replay": ["replay", "rides"]}[command]
    with pytest.raises(ConfigurationError, match=r"--bootstrap kafka://foo:bar: .* is no broker; write host:port"):
        call(*words, "--bootstrap", "kafka://foo:bar")

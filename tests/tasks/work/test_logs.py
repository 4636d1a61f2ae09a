"""Log lines say what they are about, in text and as JSON, in the process and in a worker's error."""

import json
import logging

import pytest

from tasks.work.logs import JsonLines, bound, log


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "palmforge")
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_line_names_run_shard_and_identity(lines):
    with bound(run="brave-hare"), bound(shard="identities-0000000-0000008", identity=""):
        log.info("drew %d images", 80)
    log.info("after")
    assert lines() == ["drew 80 images run=brave-hare shard=identities-0000000-0000008", "after"]


def test_json_has_a_field_for_each_and_the_plain_message(caplog):
    caplog.set_level(logging.INFO, "palmforge")
    with bound(run="brave-hare", identity="s000001_left"):
        log.warning("100 % of it")
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert line["message"] == "100 % of it" and line["level"] == "warning"
    assert (line["run"], line["identity"]) == ("brave-hare", "s000001_left") and "T" in line["time"]


def test_an_error_carries_what_it_is_about():
    with pytest.raises(ZeroDivisionError) as caught, bound(shard="a"), bound(identity="b"):
        1 / 0  # noqa: B018
    assert caught.value.__notes__ == ["identity=b", "shard=a"]

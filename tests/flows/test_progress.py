"""What is said of a step: one line, where it goes on, what is left; nothing of a step without work."""

import logging

import pytest

import flows.progress
from flows.progress import progress


def lines(caplog, *told, **options):
    """The lines logged of a step that tells (done, total) so."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "palmforge"), progress("draw", "images", **options) as report:
        for done, total in told:
            report(done, total)
    return [record.getMessage() for record in caplog.records]


def test_a_step_says_one_line_in_images(caplog):
    assert lines(caplog, (0, 3), (1, 3), (2, 3), (3, 3)) == ["draw      3 images, 0.0 s"]
    shards = {"per": 8, "most": 20}  # three shards, the last one smaller
    assert lines(caplog, (0, 3), (1, 3), (2, 3), (3, 3), **shards) == ["draw      20 images, 0.0 s"]


def test_only_what_was_there_before_is_gone_on_from(caplog):
    first, last = lines(caplog, (2, 5), (3, 5), (5, 5))
    assert first.strip() == "draw      going on at 2 of 5 images" and last.startswith("draw      5 images")


def test_a_step_without_work_says_nothing(caplog):
    assert lines(caplog) == lines(caplog, (5, 5)) == []


def test_a_long_step_says_how_far_it_is(caplog, monkeypatch):
    monkeypatch.setattr(flows.progress, "FIRST", flows.progress.LATER - 1e9)
    said = lines(caplog, (0, 4), (1, 4), (4, 4))
    assert said[0].startswith("draw      0 of 4 images") and "left" not in said[0]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.26, "0.3 s"), (12.4, "12 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_times_are_for_people(seconds, words):
    assert flows.progress.duration(seconds) == words

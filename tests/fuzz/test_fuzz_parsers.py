"""Every parser of outside bytes gives a value or one of its own errors, in bounded time and memory.

`make fuzz SECONDS=600` tries more of the same, guided by coverage where atheris is installed.
"""

from __future__ import annotations

import pytest
from fuzz_target import FuzzTarget
from fuzz_targets import TARGETS
from hypothesis import given, settings
from mutations import WORDS, inputs

SLOW = {"SQL": 60, "configuration variables": 30, "configuration files": 30, "records of user topics": 100}
USUAL = 300


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_input_is_taken_or_refused(target: FuzzTarget) -> None:
    @settings(max_examples=SLOW.get(target.name, USUAL), deadline=None)
    @given(inputs(target.samples))
    def check(data: bytes) -> None:
        target.check(data)

    target.accept(target.samples[0])  # what the first use imports is not the input's
    check()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_samples_and_what_others_stumbled_over(target: FuzzTarget) -> None:
    target.accept(target.samples[0])
    for data in (*target.samples, *WORDS, *(sample + word for sample in target.samples[:1] for word in WORDS)):
        target.check(data)

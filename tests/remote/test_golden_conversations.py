"""What goes over the wire, and what follows from it, is what it was: byte by byte, in every version of the protocol."""

from __future__ import annotations

from pathlib import Path

from golden_conversations import CONVERSATIONS, all_lines, play

from odradek.protocol.codec import CODECS
from odradek_engine.invoker.remote import attempt

GOLDEN = Path(__file__).parents[1] / "golden" / "remote_conversations.txt"


def test_conversations_are_as_they_were() -> None:
    assert list(all_lines()) == GOLDEN.read_text(encoding="ascii").splitlines()


def test_every_transition_is_among_them() -> None:
    played = [play(name, version) for version in CODECS for name in CONVERSATIONS]
    seen = set().union(*(recording.seen for recording in played))
    wanted = {(state, event.name) for state, event in attempt._REACTIONS}
    assert wanted <= seen

"""Text from outside as people get to see it: nothing in it breaks a line or steers a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The same on one line; what cannot be printed is written as Python would escape it."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()

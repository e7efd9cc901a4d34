"""How a mutant is planted: attributes of production code are replaced, and put back afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias


class Plant:
    """What one mutant has changed."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def put(self, owner: Any, name: str, value: Any) -> Any:
        """Replaces an attribute (of a dictionary: an item); what it was before."""
        before = owner[name] if isinstance(owner, dict) else owner.__dict__[name]
        self._before.append((owner, name, before))
        self._set(owner, name, value)
        return before

    def around(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replaces a function by what is made of it."""
        self.put(owner, name, make(owner[name] if isinstance(owner, dict) else owner.__dict__[name]))

    def pull(self) -> None:
        """Puts everything back."""
        while self._before:
            self._set(*self._before.pop())

    def _set(self, owner: Any, name: str, value: Any) -> None:
        if isinstance(owner, dict):
            owner[name] = value
        else:
            setattr(owner, name, value)


Mutant: TypeAlias = Callable[[Plant], None]
"""Plants one bug; its name says which."""

"""`EditState`: an operator replaces the whole state of an object.

It waits its turn like an exclusive handler: behind who holds the object, before who came later. So no handler sees
its state change under its hands, and an edit that was made for another version of the state does nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from odradek_engine.model.commands import EditState
from odradek_engine.model.events import InboxPushed, LockChanged, StateChanged
from odradek_engine.model.outcomes import Done
from odradek_engine.model.rows import InboxEntry, Lock, StateEdit
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Decision

NOBODY = b""
"""Stands in an inbox where no invocation waits."""


def decide(d: Decision, command: EditState) -> None:
    """At once if the object is free. A workflow's run holds nothing."""
    lock = d.tables.locks.get(keys.object_key(command.service, command.key))
    if lock is None:
        replace_state(d, command.service, command.key, command.edit)
    else:
        entry = InboxEntry(NOBODY, d.now, command.edit)
        d.emit(InboxPushed(command.service, command.key, lock.tail, entry))
        d.emit(LockChanged(command.service, command.key, Lock(lock.holder, lock.head, lock.tail + 1)))
    d.answer(Done())


def replace_state(d: Decision, service: str, key: str, edit: StateEdit) -> None:
    """What is not in the new state is gone."""
    known = dict(d.tables.state.rows(keys.object_key(service, key)))
    if edit.version is not None and edit.version != state_version(known):
        return
    values = {name: None for name in known if name not in edit.state} | edit.state
    if values:
        d.emit(StateChanged(service, key, values))


def state_version(state: Mapping[bytes, bytes]) -> str:
    """The name of a state as Restate's clients compute it: base64url of a SHA-256 over its entries, sorted."""
    digest = hashlib.sha256()
    for position, name in enumerate(sorted(state)):
        digest.update(b"%b\x01%b\x02%b\x03" % (position.to_bytes(8, "big"), name, state[name]))
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")

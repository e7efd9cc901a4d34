"""`SendSignal` and `CompleteAwakeable`: a word to another invocation."""

from __future__ import annotations

from odradek.protocol.ids import MalformedId, parse_awakeable_id, parse_invocation_id
from odradek.protocol.messages import CANCEL_SIGNAL, CompleteAwakeableCommand, SendSignalCommand, SignalNotification
from odradek_engine.model.commands import Cancel, Signal
from odradek_engine.partition.decide.stretch import Stretch


def send_signal(stretch: Stretch, command: SendSignalCommand) -> None:
    """The cancel signal ends what has not begun; every other one is a journal entry of its target."""
    try:
        target = parse_invocation_id(command.target_invocation_id)
    except MalformedId:
        reason = f"'{command.target_invocation_id}' is no invocation id"
        raise stretch.broken(command, "RT0017", reason) from None
    stretch.append(command)
    if command.signal == CANCEL_SIGNAL:
        stretch.d.send(target, Cancel(target))
        return
    notification = SignalNotification(command.signal, command.value, command.failure)
    stretch.d.send(target, Signal(target, notification))


def complete_awakeable(stretch: Stretch, command: CompleteAwakeableCommand) -> None:
    """The first completion counts; one for an unknown or finished invocation is dropped there."""
    try:
        target, index = parse_awakeable_id(command.awakeable_id)
    except MalformedId:
        raise stretch.broken(command, "RT0017", f"'{command.awakeable_id}' is no awakeable id") from None
    stretch.append(command)
    notification = SignalNotification(index, command.value, command.failure)
    stretch.d.send(target, Signal(target, notification))

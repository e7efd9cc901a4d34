"""`ReceiveMessage` and `AcknowledgeMessages`: what partitions say to each other, each once and in order."""

from __future__ import annotations

from odradek_engine.model.commands import AcknowledgeMessages, ReceiveMessage
from odradek_engine.model.effects import AcknowledgeMessage
from odradek_engine.model.events import MessagesAcknowledged, MessageTaken
from odradek_engine.partition.apply import acknowledged_by, sent_to, taken_from
from odradek_engine.partition.decide.decision import Decision


def decide_receive(d: Decision, command: ReceiveMessage) -> None:
    """Takes the sender's next sequence number and drops all others; what was taken before is acknowledged again."""
    taken = d.tables.sequences.get(taken_from(command.sender)) or 0
    if command.sequence <= taken:
        d.effect(AcknowledgeMessage(command.sender, taken))
        return
    if command.sequence > taken + 1:
        return
    d.emit(MessageTaken(command.sender, command.sequence))
    d.effect(AcknowledgeMessage(command.sender, command.sequence))
    d.no_more_answers()
    d.follow_ups.append(command.command)


def decide_acknowledge(d: Decision, command: AcknowledgeMessages) -> None:
    """The messages need not be sent again."""
    first = (d.tables.sequences.get(acknowledged_by(command.target)) or 0) + 1
    last = min(command.sequence, d.tables.sequences.get(sent_to(command.target)) or 0)
    if last >= first:
        d.emit(MessagesAcknowledged(command.target, first, last))

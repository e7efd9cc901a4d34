"""`Sleep`: a durable timer."""

from __future__ import annotations

from odradek.protocol.messages import SleepCommand, SleepCompletion
from odradek_engine.model.rows import Timer, TimerKind
from odradek_engine.partition.decide.starting import set_timer
from odradek_engine.partition.decide.stretch import Stretch


def sleep(stretch: Stretch, command: SleepCommand) -> None:
    """Sets the timer; one that is due already completes at once."""
    stretch.append(command)
    if command.wake_up_time <= stretch.d.now:
        stretch.notify(SleepCompletion(command.result_completion_id))
        return
    timer = Timer(command.wake_up_time, TimerKind.SLEEP, stretch.invocation.id, command.result_completion_id)
    set_timer(stretch.d, timer)

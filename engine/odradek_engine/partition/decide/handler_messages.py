"""`HandlerMessages`: what one synchronous stretch of a handler brings about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from odradek.protocol import messages as m
from odradek_engine.model.commands import HandlerMessages
from odradek_engine.model.rows import AttemptFailure
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.entries import call, output, promise, results, run, signals, sleep, state
from odradek_engine.partition.decide.failing import fail_attempt
from odradek_engine.partition.decide.finding import find_attempt
from odradek_engine.partition.decide.stretch import AttemptBroken, Stretch


def decide(d: Decision, command: HandlerMessages) -> None:
    """Takes the messages in order; what an attempt that is not the current one says is dropped."""
    found = find_attempt(d, command.invocation, command.attempt)
    if found is None:
        return
    invocation, status = found
    stretch = Stretch(d, invocation, status)
    try:
        for message in command.messages:
            _TABLE.get(type(message), _unexpected)(stretch, message)
            if stretch.over:
                break
    except AttemptBroken as broken:
        stretch.over = True
        stretch.finish()
        fail_attempt(d, invocation, stretch.status, broken.failure)
        return
    stretch.finish()


def _unexpected(_stretch: Stretch, message: object) -> None:
    reason = f"received unexpected message: {type(message).__name__}"
    raise AttemptBroken(AttemptFailure(output.PROTOCOL_VIOLATION, reason, "RT0012"))


_TABLE: Final[Mapping[type, Callable[[Stretch, Any], None]]] = {
    m.OutputCommand: output.output,
    m.End: output.end,
    m.Suspension: output.suspension,
    m.Error: output.error,
    m.AwaitingOn: output.awaiting_on,
    m.CommandAck: Stretch.deliver,
    m.RunCommand: run.run,
    m.ProposeRunCompletion: run.propose_run_completion,
    m.SetStateCommand: state.set_state,
    m.ClearStateCommand: state.clear_state,
    m.ClearAllStateCommand: state.clear_all_state,
    m.GetLazyStateCommand: state.get_lazy_state,
    m.GetLazyStateKeysCommand: state.get_lazy_state_keys,
    m.GetEagerStateCommand: state.get_eager_state,
    m.GetEagerStateKeysCommand: state.get_eager_state,
    m.SleepCommand: sleep.sleep,
    m.CallCommand: call.call,
    m.OneWayCallCommand: call.one_way_call,
    m.SendSignalCommand: signals.send_signal,
    m.GetPromiseCommand: promise.get_promise,
    m.PeekPromiseCommand: promise.peek_promise,
    m.CompletePromiseCommand: promise.complete_promise,
    m.AttachInvocationCommand: results.attach_invocation,
    m.GetInvocationOutputCommand: results.get_invocation_output,
    m.CompleteAwakeableCommand: signals.complete_awakeable,
}

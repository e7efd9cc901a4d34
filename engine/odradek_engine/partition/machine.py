"""The machine of one partition: a command in, a decision out.

A command on which deciding fails changes nothing but for the record that it was rejected: the partition goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from odradek_engine.model import commands as c
from odradek_engine.model.outcomes import Refused
from odradek_engine.partition.decide import (
    ask_result,
    begin_attempt,
    cancel,
    clean_up,
    complete_call,
    configure_service,
    deployments,
    edit_state,
    fail_attempt,
    fire_timer,
    handler_messages,
    ingest,
    invoke,
    kill,
    messages,
    pause,
    purge,
    read_result,
    registry,
    restart,
    resume,
    signal,
)
from odradek_engine.partition.decide.decision import Decision, Surroundings
from odradek_engine.partition.decide.rejecting import keep, reject
from odradek_engine.partition.overlay import Changes
from odradek_engine.partition.tables import Tables
from odradek_engine.store.port import StoreError

_DECIDE: Final[Mapping[type, Callable[[Decision, Any], None]]] = {
    c.Invoke: invoke.decide,
    c.HandlerMessages: handler_messages.decide,
    c.FailAttempt: fail_attempt.decide,
    c.BeginAttempt: begin_attempt.decide,
    c.FireTimer: fire_timer.decide,
    c.Signal: signal.decide,
    c.CompleteCall: complete_call.decide,
    c.AskResult: ask_result.decide,
    c.Cancel: cancel.decide,
    c.Kill: kill.decide,
    c.Pause: pause.decide,
    c.Resume: resume.decide,
    c.RestartAsNew: restart.decide,
    c.Purge: purge.decide,
    c.PurgeJournal: purge.decide_journal,
    c.Attach: read_result.decide_attach,
    c.ReadOutput: read_result.decide_output,
    c.Detach: read_result.decide_detach,
    c.Ingest: ingest.decide,
    c.CommitSource: ingest.decide_commit,
    c.ReceiveMessage: messages.decide_receive,
    c.AcknowledgeMessages: messages.decide_acknowledge,
    c.EditState: edit_state.decide,
    c.CleanUp: clean_up.decide,
    c.RegisterDeployment: deployments.decide_registration,
    c.UpdateDeployment: deployments.decide_update,
    c.RemoveDeployment: deployments.decide_removal,
    c.ConfigureService: configure_service.decide,
    c.CreateKafkaCluster: registry.decide_cluster,
    c.ChangeKafkaCluster: registry.decide_cluster_change,
    c.DeleteKafkaCluster: registry.decide_cluster_deletion,
    c.CreateSubscription: registry.decide_subscription,
    c.DeleteSubscription: registry.decide_subscription_deletion,
    c.Refuse: lambda decision, command: decision.answer(Refused(command.code, command.message)),
}


class Machine:
    """Decides commands over the tables of one partition."""

    def __init__(self, tables: Tables, surroundings: Surroundings) -> None:
        self.tables = tables
        self.surroundings = surroundings
        self._changes = Changes()

    def begin_turn(self) -> Changes:
        """What is decided from here on is one record's."""
        self._changes = Changes()
        self.tables.record_in(self._changes)
        return self._changes

    def decide(self, command: c.AnyCommand, now: int) -> Decision:
        """Decides one command, and what its own messages to this partition bring about. Raises `StoreError`."""
        mark = self._changes.mark()
        decision = Decision(self.tables, self.surroundings, now)
        try:
            _DECIDE[type(command)](decision, command)
            if decision.follow_ups:
                self._follow_up(decision)
        except StoreError:
            self._changes.roll_back(mark)
            raise  # the tables cannot be read: that says nothing about the command
        except Exception as error:
            self._changes.roll_back(mark)
            return self.reject(command, now, error)
        return decision

    def reject(self, command: c.AnyCommand, now: int, error: Exception) -> Decision:
        """What is decided in place of a command that cannot be decided or written down. Raises `StoreError`, and
        nothing else."""
        mark = self._changes.mark()
        decision = Decision(self.tables, self.surroundings, now)
        try:
            reject(decision, command, error)
        except StoreError:
            raise
        except Exception:
            self._changes.roll_back(mark)
            decision = Decision(self.tables, self.surroundings, now)
            keep(decision, command, error)
        return decision

    def _follow_up(self, decision: Decision) -> None:
        decision.no_more_answers()
        while decision.follow_ups:
            message = decision.follow_ups.popleft()
            _DECIDE[type(message)](decision, message)

"""Answers to commands, as they reach who asked."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from odradek_engine.model.rows import Result
from odradek_engine.model.target import Target


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """Base of all outcomes."""


class Accepted(Outcome, frozen=True):
    """The invocation is durable. `existing`: it was there before."""

    invocation: bytes
    existing: bool
    execution_time: int = 0


class Ended(Outcome, frozen=True):
    """An invocation's result. `expires_at` (ms) only where it was kept from an earlier completion."""

    invocation: bytes
    result: Result
    expires_at: int | None = None
    target: Target | None = None
    """What the invocation is of."""


class NotFound(Outcome, frozen=True):
    """No such invocation."""

    invocation: bytes


class NotCompleted(Outcome, frozen=True):
    """The invocation is there, without a result yet."""

    invocation: bytes


class AlreadyCompleted(Outcome, frozen=True):
    """The invocation has its result; what was asked makes no sense any more."""

    invocation: bytes


class Done(Outcome, frozen=True):
    """It is done."""


class Appended(Outcome, frozen=True):
    """The invocation was told; it ends when its handler says so."""


class NotStarted(Outcome, frozen=True):
    """The invocation waits for its turn or its time; what was asked needs it to run."""

    invocation: bytes


class NotRunning(Outcome, frozen=True):
    """The invocation has not begun or has ended; what was asked needs it to run."""

    invocation: bytes


class InputGone(Outcome, frozen=True):
    """The invocation's journal is not kept any more: it cannot be restarted."""

    invocation: bytes


class NotRestartable(Outcome, frozen=True):
    """The invocation is of a workflow, which runs once."""

    invocation: bytes


class PrefixOpen(Outcome, frozen=True):
    """The part of the journal to start with has commands without results, or is longer than the journal."""

    invocation: bytes


class UnknownDeployment(Outcome, frozen=True):
    """There is no deployment of the id that was asked for."""

    invocation: bytes


class DeploymentFixed(Outcome, frozen=True):
    """The invocation runs, or is not bound to a deployment yet: it cannot be moved."""

    invocation: bytes


class Refused(Outcome, frozen=True):
    """The command cannot be done; HTTP-like code and text for people."""

    code: int
    message: str


class Registered(Outcome, frozen=True):
    """The deployment is known; `existing`: it was before."""

    deployment: str
    existing: bool


AnyOutcome: TypeAlias = (
    Accepted
    | Ended
    | NotFound
    | NotCompleted
    | AlreadyCompleted
    | Done
    | Appended
    | NotStarted
    | NotRunning
    | InputGone
    | NotRestartable
    | PrefixOpen
    | UnknownDeployment
    | DeploymentFixed
    | Refused
    | Registered
)

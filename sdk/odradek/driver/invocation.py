"""The context that handlers get: each operation of the public interface in terms of the machine's commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from odradek.context import HandlerType, ObjectContext, Request, RunOptions
from odradek.driver.action import describe_action, result_serde
from odradek.driver.durable import (
    CallFuture,
    InvocationIdFuture,
    KeysFuture,
    KnownValueFuture,
    SentInvocation,
    SleepFuture,
    ValueFuture,
)
from odradek.driver.finished import FinishedEvent
from odradek.driver.misuse import refuse_state, refuse_write
from odradek.driver.run_block import UNSET_POLICY, RunBlock, RunRetryPolicy
from odradek.futures import RestateDurableCallFuture, RestateDurableFuture, RestateDurableSleepFuture, SendHandle
from odradek.handler import handler_from_callable
from odradek.protocol.ids import MalformedId, parse_awakeable_id, parse_invocation_id
from odradek.protocol.messages import Failure, Header
from odradek.serde import BytesSerde, DefaultSerde, Serde
from odradek.vm import Machine
from odradek.vm.commands import awakeable, call, cancel, run, sleep, state
from odradek.vm.commands.call import Outgoing

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

_DEFAULT: Serde[Any] = DefaultSerde()
_BYTES = BytesSerde()
_DEFAULT_OPTIONS: RunOptions[Any] = RunOptions()

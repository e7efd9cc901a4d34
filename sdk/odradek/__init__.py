"""Odradek's SDK: durable handlers in ordinary Python.

    import odradek

    account = odradek.VirtualObject("Account")

    @account.handler()
    async def deposit(ctx: odradek.ObjectContext, cents: int) -> int:
        balance = (await ctx.get("balance", type_hint=int) or 0) + cents
        ctx.set("balance", balance)
        return balance

    app = odradek.app([account])

Whatever crashes, a handler goes on from its last step. Names and signatures follow Restate's Python SDK.
"""

from odradek.asyncio import as_completed, gather, select, wait_completed
from odradek.client import create_client
from odradek.client_types import HttpError, RestateClient, RestateClientSendHandle
from odradek.context import (
    Context,
    DurablePromise,
    ObjectContext,
    ObjectSharedContext,
    RestateDurableCallFuture,
    RestateDurableFuture,
    RestateDurableSleepFuture,
    RunOptions,
    SendHandle,
    WorkflowContext,
    WorkflowSharedContext,
)
from odradek.endpoint import Application, app
from odradek.entry_codec import JournalValueCodec, JournalValueCodecProvider
from odradek.exceptions import (
    HandlerMisuseError,
    RetryableError,
    SdkInternalBaseException,
    TerminalError,
    is_internal_exception,
)
from odradek.logging import RestateLoggingFilter, getLogger
from odradek.object import VirtualObject
from odradek.retry_policy import InvocationRetryPolicy
from odradek.service import Service
from odradek.workflow import Workflow

__all__ = [
    "Application",
    "Context",
    "DurablePromise",
    "HandlerMisuseError",
    "HttpError",
    "InvocationRetryPolicy",
    "JournalValueCodec",
    "JournalValueCodecProvider",
    "ObjectContext",
    "ObjectSharedContext",
    "RestateClient",
    "RestateClientSendHandle",
    "RestateDurableCallFuture",
    "RestateDurableFuture",
    "RestateDurableSleepFuture",
    "RestateLoggingFilter",
    "RetryableError",
    "RunOptions",
    "SdkInternalBaseException",
    "SendHandle",
    "Service",
    "TerminalError",
    "VirtualObject",
    "Workflow",
    "WorkflowContext",
    "WorkflowSharedContext",
    "app",
    "as_completed",
    "create_client",
    "gather",
    "getLogger",
    "is_internal_exception",
    "logging",
    "select",
    "wait_completed",
]

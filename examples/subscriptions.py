"""Subscribes a user: creates a recurring payment, then each subscription; undoes all of it if one is refused.

Each step happens once, also when the process dies between or within them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

import odradek
from outside_world import do, when_done


class SubscriptionRequest(msgspec.Struct):
    user: str
    credit_card: str
    subscriptions: list[str]


class PaymentProvider:
    """Stands in for the company that takes the money."""

    @staticmethod
    def create_recurring_payment(payment_id: str, user: str, credit_card: str) -> None:
        if credit_card == "expired":
            raise odradek.TerminalError("the credit card has expired", status_code=402)
        do("payments", "create", payment_id, user=user)

    @staticmethod
    def remove_recurring_payment(payment_id: str) -> None:
        if when_done("payments", "create", payment_id):
            do("payments", "remove", payment_id)


class Publisher:
    """Stands in for the company that has what users subscribe to."""

    @staticmethod
    def create_subscription(payment_id: str, user: str, title: str) -> None:
        if title == "sold-out":
            raise odradek.TerminalError("there are no more subscriptions of that", status_code=409)
        do("publisher", "create", f"{payment_id}/{title}", user=user, title=title)

    @staticmethod
    def remove_subscription(payment_id: str, title: str) -> None:
        if when_done("publisher", "create", f"{payment_id}/{title}"):
            do("publisher", "remove", f"{payment_id}/{title}", title=title)


subscription_service = odradek.Service("SubscriptionService")


@subscription_service.handler()
async def subscribe(ctx: odradek.Context, request: SubscriptionRequest) -> str:
    """Gives the id of the recurring payment. Fails, with nothing left behind, if any step is refused."""
    payment_id = str(ctx.uuid())
    undo: list[tuple[str, Callable[[], None]]] = []
    try:
        undo.append(("remove payment", partial(PaymentProvider.remove_recurring_payment, payment_id)))
        await ctx.run_typed(
            "create payment",
            PaymentProvider.create_recurring_payment,
            payment_id=payment_id,
            user=request.user,
            credit_card=request.credit_card,
        )
        for title in request.subscriptions:
            undo.append((f"remove {title}", partial(Publisher.remove_subscription, payment_id, title)))
            await ctx.run_typed(
                f"create {title}",
                Publisher.create_subscription,
                payment_id=payment_id,
                user=request.user,
                title=title,
            )
    except odradek.TerminalError:
        for name, step in reversed(undo):
            await ctx.run_typed(name, step)
        raise
    return payment_id


app = odradek.app([subscription_service])

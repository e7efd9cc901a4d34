"""A food order from payment to the door: paid once, cooked by a restaurant that calls back, brought by a driver.

The order waits for the restaurant as long as it takes, holding nothing but rows in the log; whatever dies meanwhile,
it goes on from its last step.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import msgspec

import odradek
from outside_world import do

DRIVE = timedelta(seconds=1)


class Status(StrEnum):
    NEW = "new"
    SCHEDULED = "scheduled"
    IN_PREPARATION = "in preparation"
    IN_DELIVERY = "in delivery"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Order(msgspec.Struct):
    restaurant: str
    dishes: list[str]
    price_cents: int
    credit_card: str
    delay_s: float = 0.0
    """Seconds before cooking begins."""


class PaymentProvider:
    """Stands in for the company that takes the money."""

    @staticmethod
    def charge(payment_id: str, credit_card: str, price_cents: int) -> bool:
        """Whether the card could be charged."""
        if credit_card == "empty":
            return False
        do("payments", "charge", payment_id, cents=price_cents)
        return True


class Restaurant:
    """Stands in for a restaurant. Its cook completes the callback when the food is ready."""

    @staticmethod
    def prepare(order_id: str, restaurant: str, dishes: list[str], callback: str) -> None:
        do("restaurant", "prepare", order_id, restaurant=restaurant, dishes=dishes, callback=callback)


class DriverPool:
    """Stands in for the people on bicycles."""

    @staticmethod
    def assign(order_id: str) -> str:
        driver = f"driver-{sum(order_id.encode()) % 10}"
        do("drivers", "assign", order_id, driver=driver)
        return driver

    @staticmethod
    def thank(order_id: str, driver: str) -> None:
        do("drivers", "thank", order_id, driver=driver)


delivery = odradek.Service("Delivery", ingress_private=True)


@delivery.handler()
async def deliver(ctx: odradek.Context, order_id: str) -> str:
    """Brings the food; gives the driver."""
    driver = await ctx.run_typed("assign driver", DriverPool.assign, order_id=order_id)
    await ctx.sleep(DRIVE)
    await ctx.run_typed("thank driver", DriverPool.thank, order_id=order_id, driver=driver)
    return driver


food_order = odradek.VirtualObject("FoodOrder")
"""One object for each order; the key is the order's id."""


@food_order.handler()
async def place(ctx: odradek.ObjectContext, order: Order) -> Status:
    """Sees the order through to its end; placing it again changes nothing."""
    status = await ctx.get("status", type_hint=Status)
    if status is not None:
        return status
    ctx.set("status", Status.NEW)
    paid = await ctx.run_typed(
        "charge",
        PaymentProvider.charge,
        payment_id=str(ctx.uuid()),
        credit_card=order.credit_card,
        price_cents=order.price_cents,
    )
    if not paid:
        ctx.set("status", Status.CANCELLED)
        return Status.CANCELLED

    ctx.set("status", Status.SCHEDULED)
    await ctx.sleep(timedelta(seconds=order.delay_s))

    ctx.set("status", Status.IN_PREPARATION)
    callback, food_is_ready = ctx.awakeable(type_hint=str)
    await ctx.run_typed(
        "prepare",
        Restaurant.prepare,
        order_id=ctx.key(),
        restaurant=order.restaurant,
        dishes=order.dishes,
        callback=callback,
    )
    await food_is_ready

    ctx.set("status", Status.IN_DELIVERY)
    driver = await ctx.service_call(deliver, ctx.key())
    ctx.set("driver", driver)
    ctx.set("status", Status.DELIVERED)
    return Status.DELIVERED


@food_order.handler(kind="shared")
async def status(ctx: odradek.ObjectSharedContext) -> Status | None:
    """How far the order is, at any time; null for one that was never placed."""
    return await ctx.get("status", type_hint=Status)


app = odradek.app([food_order, delivery])

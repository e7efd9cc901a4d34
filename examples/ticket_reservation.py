"""Seats for a concert: reserved for one cart at a time, given back when the cart is not paid for in time.

Each ticket, each cart is an object: its requests are handled one after the other, so no seat is sold twice.
"""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum

import msgspec

import odradek
from outside_world import do

RESERVED_FOR = timedelta(seconds=float(os.environ.get("RESERVED_FOR_SECONDS", "900")))
PRICE_CENTS = 4000


class TicketStatus(StrEnum):
    AVAILABLE = "available"
    RESERVED = "reserved"
    SOLD = "sold"


class Purchase(msgspec.Struct):
    user: str
    tickets: list[str]


class PaymentProvider:
    """Stands in for the company that takes the money."""

    @staticmethod
    def charge(payment_id: str, user: str, cents: int) -> bool:
        """Whether the user could pay."""
        if user == "penniless":
            return False
        do("payments", "charge", payment_id, user=user, cents=cents)
        return True


class MailServer:
    """Stands in for what brings the tickets to the user."""

    @staticmethod
    def send(message_id: str, user: str, text: str) -> None:
        do("mail", "send", message_id, user=user, text=text)


ticket_object = odradek.VirtualObject("TicketObject", ingress_private=True)
"""One object for each seat."""


@ticket_object.handler()
async def reserve(ctx: odradek.ObjectContext) -> bool:
    """Whether the seat was still to be had."""
    if await ctx.get("status", type_hint=TicketStatus) in (None, TicketStatus.AVAILABLE):
        ctx.set("status", TicketStatus.RESERVED)
        return True
    return False


@ticket_object.handler()
async def give_back(ctx: odradek.ObjectContext) -> None:
    """Ends a reservation; a seat that is sold stays sold."""
    if await ctx.get("status", type_hint=TicketStatus) != TicketStatus.SOLD:
        ctx.clear("status")


@ticket_object.handler()
async def mark_as_sold(ctx: odradek.ObjectContext) -> None:
    if await ctx.get("status", type_hint=TicketStatus) == TicketStatus.RESERVED:
        ctx.set("status", TicketStatus.SOLD)


checkout_service = odradek.Service("CheckoutService", ingress_private=True)


@checkout_service.handler()
async def pay(ctx: odradek.Context, purchase: Purchase) -> bool:
    """Whether the tickets are paid for; the user hears of it either way."""
    cents = PRICE_CENTS * len(purchase.tickets)
    payment_id, message_id = str(ctx.uuid()), str(ctx.uuid())
    paid = await ctx.run_typed("charge", PaymentProvider.charge, payment_id=payment_id, user=purchase.user, cents=cents)
    text = f"Your tickets: {', '.join(purchase.tickets)}" if paid else "Your payment was declined"
    await ctx.run_typed("mail", MailServer.send, message_id=message_id, user=purchase.user, text=text)
    return paid


cart_object = odradek.VirtualObject("CartObject")
"""One object for each user."""


async def tickets_in_cart(ctx: odradek.ObjectContext) -> list[str]:
    return await ctx.get("tickets", type_hint=list[str]) or []


@cart_object.handler()
async def add_ticket(ctx: odradek.ObjectContext, ticket: str) -> bool:
    """Reserves a seat for some minutes; false if somebody else was faster."""
    reserved = await ctx.object_call(reserve, ticket, None)
    if reserved:
        ctx.set("tickets", [*await tickets_in_cart(ctx), ticket])
        ctx.object_send(expire_ticket, ctx.key(), ticket, send_delay=RESERVED_FOR)
    return reserved


@cart_object.handler()
async def expire_ticket(ctx: odradek.ObjectContext, ticket: str) -> None:
    """Time is up for a ticket, if it is still in the cart."""
    tickets = await tickets_in_cart(ctx)
    if ticket in tickets:
        ctx.set("tickets", [other for other in tickets if other != ticket])
        ctx.object_send(give_back, ticket, None)


@cart_object.handler()
async def checkout(ctx: odradek.ObjectContext) -> bool:
    """Buys what is in the cart; false if that is nothing, or could not be paid for."""
    tickets = await tickets_in_cart(ctx)
    if not tickets or not await ctx.service_call(pay, Purchase(ctx.key(), tickets)):
        return False
    for ticket in tickets:
        ctx.object_send(mark_as_sold, ticket, None)
    ctx.clear("tickets")
    return True


app = odradek.app([cart_object, ticket_object, checkout_service])

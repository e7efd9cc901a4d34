"""Books a trip: a flight, a hotel, a car, and the payment. Where one is refused, or the trip is cancelled on the way,
what was booked until then is given back, last thing first: a saga.

What may have to be undone is noted before it is done, because a step that was interrupted may have happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

import odradek
from outside_world import do, when_done

PRICES_CENTS = {"flights": 12_000, "hotels": 8_000, "cars": 4_000}


class Trip(msgspec.Struct):
    id: str
    traveller: str
    flight: str
    hotel: str
    car: str
    credit_card: str


class Wish(msgspec.Struct):
    vendor: str
    """Whom to ask: flights, hotels or cars."""
    name: str
    traveller: str


class Vendor:
    """Stands in for the companies that have seats, rooms and cars."""

    @staticmethod
    def reserve(vendor: str, reservation_id: str, name: str, traveller: str) -> int:
        """The price in cents."""
        if name == "sold-out":
            raise odradek.TerminalError(f"there are no more {vendor} of that", status_code=409)
        do(vendor, "reserve", reservation_id, name=name, traveller=traveller)
        return PRICES_CENTS[vendor]

    @staticmethod
    def cancel(vendor: str, reservation_id: str) -> None:
        if when_done(vendor, "reserve", reservation_id):
            do(vendor, "cancel", reservation_id)


class PaymentProvider:
    """Stands in for the company that takes the money."""

    @staticmethod
    def charge(payment_id: str, credit_card: str, cents: int) -> None:
        if credit_card == "expired":
            raise odradek.TerminalError("the credit card has expired", status_code=402)
        do("payments", "charge", payment_id, cents=cents)

    @staticmethod
    def refund(payment_id: str) -> None:
        if when_done("payments", "charge", payment_id):
            do("payments", "refund", payment_id)


reservation = odradek.VirtualObject("Reservation", ingress_private=True)
"""One object for each thing of a trip. Undoing waits its turn, behind a reserving that is still under way."""


@reservation.handler()
async def reserve(ctx: odradek.ObjectContext, wish: Wish) -> int:
    """Gives the price in cents; refused, with code 409, where nothing is left."""
    return await ctx.run_typed(
        "reserve",
        Vendor.reserve,
        vendor=wish.vendor,
        reservation_id=ctx.key(),
        name=wish.name,
        traveller=wish.traveller,
    )


@reservation.handler()
async def give_back(ctx: odradek.ObjectContext, vendor: str) -> None:
    """Undoes `reserve`, if it came that far."""
    await ctx.run_typed("cancel", Vendor.cancel, vendor=vendor, reservation_id=ctx.key())


trip_reservation = odradek.Service("TripReservation")


@trip_reservation.handler()
async def book(ctx: odradek.Context, trip: Trip) -> int:
    """Gives the price in cents. Fails, with nothing left behind, if anything is refused or the trip is cancelled."""
    undo: list[Callable[[], Awaitable[None]]] = []
    cents = 0
    try:
        for vendor, name in (("flights", trip.flight), ("hotels", trip.hotel), ("cars", trip.car)):
            key = f"{trip.id}/{vendor}"
            undo.append(partial(ctx.object_call, give_back, key, vendor))
            cents += await ctx.object_call(reserve, key, Wish(vendor, name, trip.traveller))

        undo.append(partial(ctx.run_typed, "refund", PaymentProvider.refund, payment_id=trip.id))
        await ctx.run_typed(
            "charge", PaymentProvider.charge, payment_id=trip.id, credit_card=trip.credit_card, cents=cents
        )
    except odradek.TerminalError:
        for step in reversed(undo):
            await step()
        raise
    return cents


app = odradek.app([trip_reservation, reservation])

"""Joins two topics: registrations of packages, and where each package was seen. Each package is an object.

Either topic may be ahead: what comes first is kept, and joined with what comes later. The recipient hears of the
arrival once, whichever record completes it.
"""

from __future__ import annotations

import msgspec

import odradek
from outside_world import do

LOCATIONS_MAX = 100
"""A package remembers where it was last, not everywhere it ever was."""


class Registration(msgspec.Struct):
    recipient: str
    destination: str


class Location(msgspec.Struct):
    place: str
    seen_at: str


class Package(msgspec.Struct):
    """What the two topics say together."""

    registration: Registration | None = None
    locations: list[Location] = []
    recipient_notified: bool = False


class MailServer:
    """Stands in for what sends mail to recipients."""

    @staticmethod
    def notify(package_id: str, recipient: str, place: str) -> None:
        do("mail", "notify", package_id, recipient=recipient, place=place)


package_tracker = odradek.VirtualObject("PackageTracker")
"""One object for each package: the key of the records."""


async def notify_on_arrival(ctx: odradek.ObjectContext, package: Package) -> None:
    registration = package.registration
    if registration is None or package.recipient_notified:
        return
    if registration.destination in (location.place for location in package.locations):
        await ctx.run_typed(
            "notify",
            MailServer.notify,
            package_id=ctx.key(),
            recipient=registration.recipient,
            place=registration.destination,
        )
        package.recipient_notified = True


@package_tracker.handler()
async def register(ctx: odradek.ObjectContext, registration: Registration) -> None:
    """Takes a record of the topic of registrations."""
    package = await ctx.get("package", type_hint=Package) or Package()
    package.registration = registration
    await notify_on_arrival(ctx, package)
    ctx.set("package", package)


@package_tracker.handler()
async def update_location(ctx: odradek.ObjectContext, location: Location) -> None:
    """Takes a record of the topic of locations."""
    package = await ctx.get("package", type_hint=Package) or Package()
    package.locations = [*package.locations, location][-LOCATIONS_MAX:]
    await notify_on_arrival(ctx, package)
    ctx.set("package", package)


@package_tracker.handler(kind="shared")
async def info(ctx: odradek.ObjectSharedContext) -> Package:
    """Where a package is, and for whom. 404 until its registration has come."""
    package = await ctx.get("package", type_hint=Package)
    if package is None or package.registration is None:
        raise odradek.TerminalError(f"no package {ctx.key()} is registered", status_code=404)
    return package


app = odradek.app([package_tracker])

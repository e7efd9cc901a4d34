"""Makes a photo album: all photos are developed at the same time, each by a call of its own, and bound in their order.

A photo that cannot be developed is left out; all others are developed once, whatever dies meanwhile.
"""

from __future__ import annotations

import os
from datetime import timedelta

import msgspec

import odradek
from outside_world import do

DEVELOPING = timedelta(seconds=float(os.environ.get("DEVELOPING_SECONDS", "2")))
PHOTOS_MAX = 200


class AlbumOrder(msgspec.Struct):
    id: str
    photos: list[str]


class Album(msgspec.Struct):
    pages: list[str]
    left_out: list[str]


class Photo(msgspec.Struct):
    album_id: str
    name: str


class Laboratory:
    """Stands in for the people in the darkroom."""

    @staticmethod
    def develop(album_id: str, name: str) -> str:
        if name == "overexposed":
            raise odradek.TerminalError("there is nothing to be seen on it", status_code=422)
        do("laboratory", "develop", f"{album_id}/{name}")
        return f"{name} on paper"


class Bindery:
    """Stands in for those who make books of paper."""

    @staticmethod
    def bind(album_id: str, pages: list[str]) -> None:
        do("bindery", "bind", album_id, pages=pages)


laboratory = odradek.Service("Laboratory", ingress_private=True)


@laboratory.handler()
async def develop(ctx: odradek.Context, photo: Photo) -> str:
    """Gives the page. Fails, with code 422, for a photo that shows nothing."""
    await ctx.sleep(DEVELOPING)
    return await ctx.run_typed("develop", Laboratory.develop, album_id=photo.album_id, name=photo.name)


albums = odradek.Service("PhotoAlbums")


@albums.handler()
async def make(ctx: odradek.Context, order: AlbumOrder) -> Album:
    """Takes as long as one photo does, not as all of them do."""
    if len(order.photos) > PHOTOS_MAX:
        raise odradek.TerminalError(f"an album has room for {PHOTOS_MAX} photos", status_code=400)

    developing = [ctx.service_call(develop, Photo(order.id, name)) for name in order.photos]
    await odradek.gather(*developing)  # a cancellation comes up here, and is not taken for a lost photo below

    album = Album(pages=[], left_out=[])
    for name, page in zip(order.photos, developing, strict=True):
        try:
            album.pages.append(await page)
        except odradek.TerminalError:
            album.left_out.append(name)
    await ctx.run_typed("bind", Bindery.bind, album_id=order.id, pages=album.pages)
    return album


app = odradek.app([albums, laboratory])

"""Posts from a topic into feeds: each user's posts in their order, each once, those of different users side by side.

A post is shown when its moderation is over. Waiting for that holds up this user's later posts and nobody else's.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from enum import StrEnum

import msgspec

import odradek
from outside_world import do, when_done

MODERATION_SECONDS = float(os.environ.get("MODERATION_SECONDS", "10"))
ASK_AGAIN_AFTER = timedelta(seconds=MODERATION_SECONDS / 4)


class Post(msgspec.Struct):
    content: str


class Verdict(StrEnum):
    PENDING = "pending"
    FINE = "fine"
    REJECTED = "rejected"


class Network:
    """Stands in for the social network, whose moderators take their time."""

    @staticmethod
    def create(post_id: str, user: str, content: str) -> None:
        do("network", "create", post_id, user=user, content=content)

    @staticmethod
    def moderation(post_id: str, content: str) -> Verdict:
        created = when_done("network", "create", post_id) or time.time()
        if time.time() < created + MODERATION_SECONDS:
            return Verdict.PENDING
        return Verdict.REJECTED if "spam" in content else Verdict.FINE

    @staticmethod
    def show(post_id: str, user: str, content: str) -> None:
        do("network", "show", post_id, user=user, content=content)


user_feed = odradek.VirtualObject("UserFeed")
"""One object for each user: the key of the records."""


@user_feed.handler()
async def process_post(ctx: odradek.ObjectContext, post: Post) -> Verdict:
    """Creates a post, waits for its verdict, and shows it in the user's feed."""
    user, post_id = ctx.key(), str(ctx.uuid())
    await ctx.run_typed("create", Network.create, post_id=post_id, user=user, content=post.content)
    while True:
        verdict = await ctx.run_typed("moderation", Network.moderation, post_id=post_id, content=post.content)
        if verdict != Verdict.PENDING:
            break
        await ctx.sleep(ASK_AGAIN_AFTER)
    if verdict == Verdict.FINE:
        await ctx.run_typed("show", Network.show, post_id=post_id, user=user, content=post.content)
        feed = await ctx.get("feed", type_hint=list[str]) or []
        ctx.set("feed", [*feed, post.content])
    return verdict


app = odradek.app([user_feed])

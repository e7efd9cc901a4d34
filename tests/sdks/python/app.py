"""The application of these tests, with the official Python SDK."""

import json
import os

import restate
from python_handlers import SERVICES

VERSION_MAX = int(os.environ["PROTOCOL_VERSION_MAX"])
KEYS = os.environ.get("IDENTITY_KEY", "").split()

application = restate.app(SERVICES, identity_keys=KEYS or None)


async def app(scope, receive, send):
    """The application, with PROTOCOL_VERSION_MAX for the highest version in its manifest."""

    async def limited(message):
        if scope.get("path", "").endswith("/discover") and message.get("body"):
            message["body"] = json.dumps(json.loads(message["body"]) | {"maxProtocolVersion": VERSION_MAX}).encode()
        await send(message)

    await application(scope, receive, limited)

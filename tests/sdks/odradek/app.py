"""The application of these tests, with our own SDK."""

import os

import msgspec
from python_handlers import SERVICES

import odradek
from odradek.protocol.manifest import EndpointManifest

VERSION_MAX = int(os.environ["PROTOCOL_VERSION_MAX"])
KEYS = tuple(os.environ.get("IDENTITY_KEY", "").split())


class Application(odradek.Application):
    """Offers no protocol version above VERSION_MAX."""

    def manifest(self) -> EndpointManifest:
        return msgspec.structs.replace(super().manifest(), max_protocol_version=VERSION_MAX)


app = Application(SERVICES, KEYS)

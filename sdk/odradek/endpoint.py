"""Applications: the services of one program, to be described to an engine and run by it.

An engine in the same process binds an application. To all others it is an ASGI application: any server with HTTP/2
serves it as an endpoint (`odradek serve app.py`, `hypercorn app:app`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, cast

from odradek.declaration import ServiceDeclaration
from odradek.discovery import describe_endpoint
from odradek.driver.endpoint import InProcessEndpoint
from odradek.entry_codec import JournalValueCodec, JournalValueCodecProvider
from odradek.object import VirtualObject
from odradek.protocol.manifest import EndpointManifest
from odradek.remote.aws_lambda import is_on_lambda, lambda_handler
from odradek.service import Service
from odradek.workflow import Workflow

if TYPE_CHECKING:
    from odradek.protocol.attempt import Endpoint, HandlerEnvironment
    from odradek.remote.asgi import Receive, Scope, Send
    from odradek.remote.door import Door

Protocol = Literal["bidi", "request_response"]


class Application:
    """A fixed set of services. It does nothing by itself: an engine asks for its manifest and binds it.

    `identity_keys`: public keys (`publickeyv1_...`); whoever calls it as an endpoint must have signed with one of them.
    """

    def __init__(
        self,
        services: Iterable[ServiceDeclaration],
        identity_keys: Iterable[str] = (),
        protocol: Protocol | None = None,
        journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
    ) -> None:
        self.services: dict[str, ServiceDeclaration] = {}
        for service in services:
            if not isinstance(service, ServiceDeclaration):
                raise ValueError(f"not a service: {service!r}; pass Service, VirtualObject and Workflow instances")
            if service.name in self.services:
                raise ValueError(f"the service {service.name} is there twice")
            self.services[service.name] = service
        self.identity_keys = tuple(identity_keys)
        self.protocol = protocol
        self.journal_value_codec = journal_value_codec
        self._door: Door | None = None
        if self.identity_keys:
            self.door()

    def manifest(self) -> EndpointManifest:
        """What the application consists of, with JSON schemas where annotations give them."""
        return describe_endpoint(self.services.values())

    def bind(self, environment: HandlerEnvironment) -> Endpoint:
        """An endpoint that runs the handlers on the running event loop, with this clock and these threads."""
        return InProcessEndpoint(self.services, environment, self.journal_value_codec)

    def door(self) -> Door:
        """Where engines in other processes come in."""
        if self._door is None:
            from odradek.remote.door import Door

            self._door = Door(self)
        return self._door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request of an engine, or one lifespan of a server, by ASGI's calls."""
        await self.door()(scope, receive, send)


def app(
    services: Iterable[Service | VirtualObject | Workflow],
    protocol: Protocol | None = None,
    identity_keys: list[str] | None = None,
    journal_value_codec: JournalValueCodec | JournalValueCodecProvider | None = None,
) -> Application:
    """An application of these services, for engines that hold the private key of one of `identity_keys`, if any.

    Where the program is a function on AWS Lambda this is the function's handler.
    `protocol` "request_response" has remote engines send whole requests only; by default the transport decides.
    `journal_value_codec` (or what makes it) stands between the handlers' values and everything that is stored.
    Raises `ValueError` for two services of one name and for what is no public key.
    """
    application = Application(services, identity_keys or (), protocol, journal_value_codec)
    if is_on_lambda():
        return cast("Application", lambda_handler(application))
    return application

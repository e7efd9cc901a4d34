"""An application as an endpoint that an engine reaches over HTTP: the service protocol's server side, as ASGI.

`door` takes requests and routes them; `conversation` is one attempt over one request; `outgoing` is what the handler
says on its way to the engine; `negotiation` chooses versions; `identity` checks who asks. Handlers run by the same
`odradek.driver` as in the engine's own process. Nothing here listens: any ASGI server with HTTP/2 does that.
"""

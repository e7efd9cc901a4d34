"""Attempts of handlers that run elsewhere: the engine's side of the service protocol over HTTP.

`attempt` is one attempt, without I/O; `transport` is what it asks of a connection. HTTP/2 (`http2_connection` over a
codec) goes both ways at once, HTTP/1.1 (`http1_connection`) one way after the other; `pool` keeps the connections of
one deployment. `discovery` asks a deployment what it serves.
"""

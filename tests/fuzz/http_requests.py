"""Requests that no door may take: each is answered with 4xx, or the connection is closed."""

from __future__ import annotations

HOST = b"Host: h\r\n"
POST = b"POST /Echo/say HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
DEEP = b"[" * 5000
WELL_FORMED = (
    POST + b'Content-Length: 3\r\n\r\n"a"',
    POST + b'Transfer-Encoding: chunked\r\n\r\n3\r\n"a"\r\n0\r\n\r\n',
    b"GET /restate/health HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /deployments HTTP/1.1\r\n" + HOST + b"\r\n",
    b"POST /query HTTP/1.1\r\n"
    + HOST
    + b'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"query":"SELECT 1"}',
    b"PUT /Counter/a%20b/add HTTP/1.0\r\nConnection: keep-alive\r\nIdempotency-Key: x\r\n\r\n",
)


def posted(path: bytes, body: bytes) -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nConnection: close\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


AT_ANY_DOOR = {
    "noise": bytes(range(256)),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    "no version": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/3.7\r\n" + HOST + b"\r\n",
    "no method": b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in the target": b"GET /a b c HTTP/1.1\r\n" + HOST + b"\r\n",
    "zero byte in a header": b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    "line feed in a header name": b"GET / HTTP/1.1\r\nHo\nst: a\r\n\r\n",
    "space before the colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "length with a sign": POST + b"Content-Length: +3\r\n\r\nabc",
    "length that is none": POST + b"Content-Length: 3, 3x\r\n\r\nabc",
    "length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "chunk size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "negative chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    "chunk beyond 64 bits": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
    "chunk longer than it says": POST + b'Transfer-Encoding: chunked\r\n\r\n1\r\n"a"\r\n0\r\n\r\n',
    "unknown transfer coding": POST + b"Transfer-Encoding: gzip, identity\r\n\r\nabc",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "headers without end": POST + b"X: " + b"a" * 200_000,
    "headers without number": POST + b"".join(b"X-%d: a\r\n" % n for n in range(20_000)),
    "target without end": b"GET /" + b"a" * 200_000,
    "body that breaks off": POST + b"Content-Length: 100\r\n\r\n{",
    "head that breaks off": POST,
    "HTTP/2 preface, then noise": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(256)),
    "HTTP/2 frame that is too large": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\x00\x00\x00\x00\x00",
}
AT_INGRESS = {
    "no such service": posted(b"/Nope/nope", b"1"),
    "key that is no UTF-8": posted(b"/Counter/%ff%fe/add", b"1"),
    "awakeable that is none": posted(b"/restate/awakeables/sign_1AAAA/resolve", b"1"),
    "invocation that is none": b"GET /restate/invocation/inv_1zzz/attach HTTP/1.1\r\n" + HOST + b"\r\n",
    "delay that is none": posted(b"/Echo/say/send?delay=soon", b'"a"'),
}
AS_RESTATE_HAS_IT = {
    "JSON that is none": posted(b"/restate/attach", b"{"),
    "JSON that is too deep": posted(b"/restate/attach", b'{"target": ' + DEEP),
}
"""Answered with 500 and a text that says what is wrong with the body, as the real server does."""
AT_ADMIN = {
    "body that breaks off at /query": posted(b"/query", b'{"query": "SELECT 1"}')[:-5],
    **{
        f"{name} at {path.decode()}": posted(path, body)
        for path in (b"/deployments", b"/subscriptions", b"/query", b"/topics")
        for name, body in (
            ("no JSON", b"{"),
            ("JSON that is too deep", b'{"x": ' + DEEP),
            ("JSON of another kind", b"[1, 2]"),
            ("bytes that are no UTF-8", b'{"uri": "\xff"}'),
        )
    },
}

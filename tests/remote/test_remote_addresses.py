"""Finding a deployment: addresses, connections that cannot be had, TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import FakeEndpoint, run
from remote_caller import ECHOED, QUICK, Caller, done, echo, outcome, pool_at
from scripted_transport import ListeningEngine
from tls_files import TlsPair, make_tls_files

from odradek_engine.invoker.remote.address import Address, parse_address
from odradek_engine.invoker.remote.connecting import BadTlsFile, Connector, TlsFiles
from until import until


class TestConnecting:
    def test_nobody_listens(self) -> None:
        async def test() -> None:
            server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            server.close()
            await server.wait_closed()
            pool = pool_at(f"http://127.0.0.1:{port}")
            caller = Caller(pool)
            for _ in range(300):
                caller.begin()
            await until(lambda: all(engine.failures for engine in caller.engines))
            assert {engine.code for engine in caller.engines} == {"RT0010"}
            await until(lambda: pool.idle)
            await pool.close()

        run(test())

    def test_a_request_made_on_hearing_that_nobody_listens_hears_it_too(self) -> None:
        class Insisting(ListeningEngine):
            """Begins another attempt at once when one has failed."""

            caller: Caller

            def fail(self, failure: Any, *details: Any) -> None:
                super().fail(failure, *details)
                if len(self.failures) < 5:
                    self.caller.begin(engine=self)

        async def test() -> None:
            pool = pool_at("http://127.0.0.1:1")
            engine = Insisting()
            engine.caller = Caller(pool)
            engine.caller.begin(engine=engine)
            await until(lambda: len(engine.failures) == 5)
            await pool.close()

        run(test())

    def test_nobody_answers(self) -> None:
        async def test() -> None:
            server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            pool = pool_at(f"https://127.0.0.1:{port}", timing=QUICK)
            engine, _ = Caller(pool).begin()
            await until(lambda: done(engine))
            assert engine.code == "RT0010"
            assert "within 0.3 s" in engine.failures[0][0].message
            await pool.close()
            server.close()

        run(test())

    @pytest.mark.parametrize(
        ("uri", "found"),
        [
            ("http://h", Address("http", "h", 80, "/")),
            ("https://h/", Address("https", "h", 443, "/")),
            ("http://h:9080/a/b/", Address("http", "h", 9080, "/a/b/")),
            ("http://h:1/a?q#f", Address("http", "h", 1, "/a")),
            ("http://[::1]:9", Address("http", "::1", 9, "/")),
        ],
    )
    def test_addresses(self, uri: str, found: Address) -> None:
        assert parse_address(uri) == found
        assert parse_address(str(found)) == found

    @pytest.mark.parametrize(
        "uri",
        [
            "",
            "h",
            "/x",
            "localhost:9080",
            "ftp://h",
            "http://",
            "http://h:x",
            "http://h:99999",
            "http://u@h",
            "http://h/a b",
            "http://h/\r\n",
            "http://ü",
        ],
    )
    def test_what_is_no_address(self, uri: str) -> None:
        with pytest.raises(ValueError, match="uri"):
            parse_address(uri)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


class TestTls:
    def context(self, files: TlsPair, *protocols: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.authority)
        context.load_cert_chain(files.certificate, files.key)
        context.set_alpn_protocols(list(protocols))
        return context

    def attempt(self, endpoint: FakeEndpoint, server: ssl.SSLContext, tls: TlsFiles) -> ListeningEngine:
        engines: list[ListeningEngine] = []

        async def test() -> None:
            async with endpoint.listening(server) as url:
                pool = pool_at(url, http1=endpoint.http1, tls=tls)
                engine, _ = Caller(pool, duplex=not endpoint.http1).begin()
                engines.append(engine)
                await until(lambda: done(engine))
                await pool.close()

        run(test())
        return engines[0]

    @pytest.mark.parametrize("http1", [False, True])
    def test_with_an_authority_of_ones_own(self, files: TlsPair, http1: bool) -> None:
        endpoint = FakeEndpoint(echo, http1=http1)
        server = self.context(files, "http/1.1" if http1 else "h2")
        assert outcome(self.attempt(endpoint, server, TlsFiles(files.authority))) == ECHOED

    def test_with_a_certificate_of_ones_own(self, files: TlsPair) -> None:
        server = self.context(files, "h2")
        server.verify_mode = ssl.CERT_REQUIRED
        own = TlsFiles(files.authority, files.certificate, files.key)
        assert outcome(self.attempt(FakeEndpoint(echo), server, own)) == ECHOED

    def test_an_unknown_authority(self, files: TlsPair) -> None:
        engine = self.attempt(FakeEndpoint(echo), self.context(files, "h2"), TlsFiles())
        assert engine.code == "RT0010"
        assert "certificate" in engine.failures[0][0].message

    def test_a_server_without_http2(self, files: TlsPair) -> None:
        engine = self.attempt(FakeEndpoint(echo), self.context(files, "http/1.1"), TlsFiles(files.authority))
        assert engine.code == "RT0010"
        assert "does not offer HTTP/2" in engine.failures[0][0].message

    def test_files_that_cannot_be_used(self, tmp_path: Path) -> None:
        with pytest.raises(BadTlsFile, match="no-such"):
            Connector(tls=TlsFiles(tmp_path / "no-such.pem"))

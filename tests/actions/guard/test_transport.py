"""What the guarded network refuses, and what it lets through."""

import asyncio
import gzip
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.errors import ForbiddenHeader, ForbiddenTarget, ResponseTooLarge, ResponseTooSlow, WrongContentType
from actions.guard import guarded_client
from actions.guard.transport import BoundedBody
from tests.actions.conftest import TLS, Reply, Shop

DATA = Path(__file__).parents[2] / "data" / "actions" / "ssrf.txt"
ATTEMPTS = [line for line in DATA.read_text().splitlines() if line and not line.startswith("#")]


def answering(*addresses: str) -> "Resolver":
    return Resolver(list(addresses))


class Resolver:
    """Answers with the next of its lists of addresses, then with the last."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_the_corpus_is_large() -> None:
    assert len(ATTEMPTS) >= 60


@pytest.mark.parametrize("line", ATTEMPTS)
async def test_an_attempt_to_get_inside_is_refused_before_a_connection(line: str) -> None:
    url, _, addresses = line.partition(" -> ")
    resolver = answering(*(addresses.split() or ["127.0.0.1"]))
    async with guarded_client(resolver=resolver, timeout=60, ssl_context=TLS) as client:
        with pytest.raises((ForbiddenTarget, httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
            await client.get(url.replace("\\r\\n", "\r\n"))


async def test_a_name_is_connected_to_exactly_the_address_that_was_checked(shop: Shop) -> None:
    shop.on("/", Reply(body="hi"))
    resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])
    async with guarded_client(["shop.example"], resolver=resolver, ssl_context=TLS) as client:
        answer = await client.get(f"http://shop.example:{shop.port}/")
    assert answer.json() == "hi"
    assert resolver.asked == ["shop.example"], "asked once: a second answer could be another"
    assert shop.requests[0].headers["host"] == f"shop.example:{shop.port}"


async def test_a_name_that_changes_its_mind_between_two_requests_is_checked_again(shop: Shop) -> None:
    shop.on("/", Reply(body="hi", headers={"Connection": "close"}))
    resolver = Resolver(["127.0.0.1"], ["10.0.0.1"])
    async with guarded_client(["127.0.0.1"], resolver=resolver, ssl_context=TLS) as client:
        await client.get(shop.url("/", host="rebind.example"))
        with pytest.raises(ForbiddenTarget, match=re.escape("10.0.0.1")):
            await client.get(shop.url("/", host="rebind.example"))


async def test_of_public_and_private_addresses_only_the_allowed_are_tried(shop: Shop) -> None:
    shop.on("/", Reply(body="hi"))
    async with guarded_client(["127.0.0.1"], resolver=answering("10.0.0.1", "127.0.0.1"), ssl_context=TLS) as client:
        assert (await client.get(f"http://mixed.example:{shop.port}/")).is_success


@pytest.mark.parametrize(
    ("entries", "url", "allowed"),
    [
        (["127.0.0.1"], "http://127.0.0.1:{port}/", True),
        (["127.0.0.1:{port}"], "http://127.0.0.1:{port}/", True),
        (["127.0.0.1:1"], "http://127.0.0.1:{port}/", False),
        (["127.0.0.0/8"], "http://127.0.0.1:{port}/", True),
        (["localhost"], "http://localhost:{port}/", True),
        (["localhost:{port}"], "http://LOCALHOST:{port}/", True),
        (["localhost"], "http://127.0.0.1:{port}/", True),
        (["localhost"], "http://other.example:{port}/", False),
        (["10.0.0.0/8"], "http://127.0.0.1:{port}/", False),
        (["shop.example"], "http://other.example:{port}/", False),
    ],
)
async def test_allow_private_opens_what_it_names_and_nothing_else(
    shop: Shop, entries: list[str], url: str, *, allowed: bool
) -> None:
    shop.on("/", Reply(body="hi"))
    entries = [entry.format(port=shop.port) for entry in entries]
    async with guarded_client(entries, resolver=answering("127.0.0.1"), ssl_context=TLS) as client:
        if allowed:
            assert (await client.get(url.format(port=shop.port))).is_success
        else:
            with pytest.raises(ForbiddenTarget, match="allow_private"):
                await client.get(url.format(port=shop.port))


async def test_redirects_are_checked_hop_by_hop(shop: Shop, client: httpx.AsyncClient) -> None:
    shop.on("/in", Reply(302, headers={"Location": "http://169.254.169.254/latest/"}))
    with pytest.raises(ForbiddenTarget):
        await client.get(shop.url("/in"))
    shop.on("/file", Reply(302, headers={"Location": "file:///etc/passwd"}))
    with pytest.raises((ForbiddenTarget, httpx.UnsupportedProtocol)):
        await client.get(shop.url("/file"))


async def test_three_redirects_are_followed_and_a_fourth_is_not(shop: Shop, client: httpx.AsyncClient) -> None:
    for step in range(5):
        shop.on(f"/{step}", Reply(302, headers={"Location": f"/{step + 1}"}))
    shop.on("/5", Reply(body="end"))
    assert (await client.get(shop.url("/2"))).json() == "end"
    with pytest.raises(httpx.TooManyRedirects):
        await client.get(shop.url("/1"))


async def test_a_redirect_out_of_the_declared_host_is_refused(shop: Shop) -> None:
    shop.on("/out", Reply(302, headers={"Location": f"http://other.example:{shop.port}/"}))
    async with guarded_client(
        ["127.0.0.1", "other.example"], resolver=answering("127.0.0.1"), ssl_context=TLS
    ) as client:
        with pytest.raises(ForbiddenTarget, match="declared host"):
            await client.get(shop.url("/out"), extensions={"guard": {"origins": [f"http://127.0.0.1:{shop.port}"]}})
    assert len(shop.requests) == 1


async def test_a_large_answer_is_cut_off_by_its_length_or_while_it_comes(shop: Shop, client: httpx.AsyncClient) -> None:
    limit = {"guard": {"max_bytes": 1000}}
    shop.on("/said", Reply(body=b"x" * 1001))
    with pytest.raises(ResponseTooLarge):
        await client.get(shop.url("/said"), extensions=limit)
    chunked = b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    shop.on("/unsaid", lambda _request: _Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked))
    with pytest.raises(ResponseTooLarge):
        await client.get(shop.url("/unsaid"), extensions=limit)
    shop.on("/fits", Reply(body=b"x" * 1000))
    assert len((await client.get(shop.url("/fits"), extensions=limit)).content) == 1000


@pytest.mark.parametrize(("encoding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_packed_answer_is_counted_unpacked(
    shop: Shop, client: httpx.AsyncClient, encoding: str, packed: object
) -> None:
    bomb = packed(b"0" * 5_000_000)  # type: ignore[operator]
    assert len(bomb) < 10_000
    shop.on("/bomb", Reply(body=bomb, headers={"Content-Encoding": encoding}))
    with pytest.raises(ResponseTooLarge):
        await client.get(shop.url("/bomb"), extensions={"guard": {"max_bytes": 1_000_000}})
    shop.on("/fine", Reply(body=packed(b"halo"), headers={"Content-Encoding": encoding}))  # type: ignore[operator]
    assert (await client.get(shop.url("/fine"))).text == "halo"


@given(st.binary(max_size=300_000), st.integers(1, 70_000))
@settings(max_examples=30)
def test_a_packed_answer_is_unpacked_whole_however_it_arrives(content: bytes, size: int) -> None:
    packed = gzip.compress(content)

    class Wire(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for start in range(0, len(packed), size):
                yield packed[start : start + size]

    async def read() -> bytes:
        return b"".join([piece async for piece in BoundedBody(Wire(), "x", "gzip", 10**9, None)])

    assert asyncio.run(read()) == content


async def test_an_answer_that_never_ends_is_given_up(shop: Shop, client: httpx.AsyncClient) -> None:
    shop.on("/slow", Reply(delay=30))
    with pytest.raises(ResponseTooSlow):
        await client.get(shop.url("/slow"), extensions={"guard": {"seconds": 0.05}})

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(1000):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ResponseTooSlow):
        await client.get(f"http://127.0.0.1:{port}/", extensions={"guard": {"seconds": 0.1}})
    server.close()


@pytest.mark.parametrize(
    ("wanted", "kind", "taken"),
    [
        (["text/html"], "text/html; charset=utf-8", True),
        (["image/*"], "image/png", True),
        (["image/*"], "text/html", False),
        (["*+json"], "application/problem+json", True),
        (["application/json"], "application/zip", False),
    ],
)
async def test_an_answer_of_another_kind_is_refused(
    shop: Shop, client: httpx.AsyncClient, wanted: list[str], kind: str, *, taken: bool
) -> None:
    shop.on("/", Reply(body=b"x", content_type=kind))
    request = client.get(shop.url("/"), extensions={"guard": {"content_types": wanted}})
    if taken:
        assert (await request).is_success
    else:
        with pytest.raises(WrongContentType):
            await request


async def test_an_encoding_that_was_not_asked_for_is_refused(shop: Shop, client: httpx.AsyncClient) -> None:
    shop.on("/", Reply(body=b"x", headers={"Content-Encoding": "br"}))
    with pytest.raises(WrongContentType):
        await client.get(shop.url("/"))


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nX-Evil: 1"},
        {"X-A": "1\nX-Evil: 1"},
        {"X-A": "1\x00"},
        {"X-A\r\nX-Evil": "1"},
        {"X A": "1"},
        {"Host": "other.example"},
    ],
)
async def test_a_header_cannot_begin_another_or_name_another_host(
    shop: Shop, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    with pytest.raises((ForbiddenHeader, httpx.LocalProtocolError)):
        await client.get(shop.url("/"), headers=headers)
    assert shop.requests == []


async def test_a_port_outside_the_wanted_ones_is_refused(shop: Shop, client: httpx.AsyncClient) -> None:
    with pytest.raises(ForbiddenTarget, match="port"):
        await client.get(shop.url("/"), extensions={"guard": {"ports": [80, 443]}})


async def test_no_cookie_of_one_call_reaches_another(shop: Shop, client: httpx.AsyncClient) -> None:
    shop.on("/", Reply(body="hi", headers={"Set-Cookie": "session=budi; Path=/"}))
    await client.get(shop.url("/"))
    await client.get(shop.url("/"))
    assert "cookie" not in shop.requests[1].headers


async def test_connections_are_used_again_and_proxies_of_the_environment_are_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    shop.on("/", Reply(body="hi"))
    async with guarded_client(["127.0.0.1"], ssl_context=TLS) as client:
        for _ in range(3):
            await client.get(shop.url("/"))
    assert shop.connections == 1


async def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    import ssl

    certificate, key = _certificate(tmp_path, "shop.example")
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    names: list[str] = []
    server_side.sni_callback = lambda _socket, name, _context: names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    trusted = ssl.create_default_context(cafile=str(certificate))
    allow = ["shop.example", "other.example"]
    async with guarded_client(allow, resolver=answering("127.0.0.1"), ssl_context=trusted) as client:
        assert (await client.get(f"https://shop.example:{port}/")).text == "hi"
        with pytest.raises(httpx.ConnectError, match=r"(?i)hostname mismatch|certificate"):
            await client.get(f"https://other.example:{port}/")
        spoofed = {"sni_hostname": "shop.example"}
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://other.example:{port}/", extensions=spoofed)
    server.close()
    assert names[0] == "shop.example"


async def test_an_unknown_key_of_the_extension_is_an_error(shop: Shop, client: httpx.AsyncClient) -> None:
    with pytest.raises(TypeError, match="max_byte"):
        await client.get(shop.url("/"), extensions={"guard": {"max_byte": 1}})


class _Raw(Reply):
    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw

    def encode(self) -> bytes:
        return self.raw


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths

"""The guard at connect time, with real sockets: redirects, manifests, proxies, name servers that lie."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from yt_dlp import YoutubeDL
from yt_dlp.downloader.external import ExternalFD
from yt_dlp.networking.exceptions import NoSupportingHandlers, RequestError
from yt_dlp.utils import DownloadError

from tests.media.little_server import Serve, Server, moved, text
from vidra.errors import UrlRefused
from vidra.media.addresses import AddressGuard, NetworkPolicy, Resolved
from vidra.media.guarded_http import AddressRefused
from vidra.media.options import SAFE_PARAMS
from vidra.media.transport import attach_guard


def allowing(*servers: Server) -> NetworkPolicy:
    """Make a policy that allows exactly these servers."""
    return NetworkPolicy(exceptions=frozenset((server.host, server.port) for server in servers))


def bare(**params: Any) -> Any:
    """Make a silent yt-dlp."""
    make: Any = YoutubeDL
    return make({"quiet": True, "no_warnings": True, "noprogress": True, "logger": Silent(), **params})


@contextlib.contextmanager
def guarded(policy: NetworkPolicy, folder: Path | None = None, **more: Any) -> Iterator[Any]:
    """Make a yt-dlp that dials through the guard."""
    resolver = more.pop("resolver", None)
    params = {
        **SAFE_PARAMS,
        "retries": 0,
        "fragment_retries": 0,
        "paths": {"home": str(folder or "/nonexistent")},
    }
    with bare(**{**params, **more}) as ydl:
        attach_guard(ydl, policy, **({"resolver": resolver} if resolver else {}))
        yield ydl


class Silent:
    """A logger that keeps the tests' output clean."""

    def debug(self, _: str) -> None: ...

    def warning(self, _: str) -> None: ...

    def error(self, _: str) -> None: ...


def refusal_in(error: BaseException) -> UrlRefused:
    """Return our refusal out of yt-dlp's chain of errors."""
    chain: list[BaseException] = [error]
    while chain:
        link = chain.pop()
        if isinstance(link, UrlRefused):
            return link
        chain += [more for more in (link.__cause__, link.__context__, getattr(link, "cause", None)) if more]
    raise AssertionError(error)


def test_an_allowed_server_is_reached_over_a_kept_connection(serve: Serve) -> None:
    """The guard stands in nobody's way who is allowed."""
    server = serve(text)
    with guarded(allowing(server)) as ydl:
        assert [ydl.urlopen(server.url(path)).read() for path in ("/a", "/b")] == [b"/a", b"/b"]


def test_a_server_on_loopback_is_not_reached(serve: Serve) -> None:
    """Without an exception nothing is sent to an inside address."""
    server = serve(lambda _: text("secret"))
    with guarded(NetworkPolicy()) as ydl, pytest.raises(AddressRefused) as caught:
        ydl.urlopen(server.url())
    assert "not a public address" in str(refusal_in(caught.value))
    assert server.seen == []


@pytest.mark.parametrize("hops", [1, 5])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_redirect_to_an_inside_address_is_not_followed(serve: Serve, hops: int, name: str) -> None:
    """API-21: a chain of redirects that ends inside ends in a refusal, by name and by number."""
    inside = serve(lambda _: text("secret"))
    last = f"http://{name}:{inside.port}/x"
    outside = serve(lambda path: moved(f"/{int(path[1:]) + 1}" if int(path[1:]) < hops else last))
    with guarded(allowing(outside)) as ydl, pytest.raises(RequestError) as caught:
        ydl.urlopen(outside.url("/1"))
    assert name in str(refusal_in(caught.value))
    assert len(outside.seen) == hops
    assert inside.seen == []


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://127.0.0.1/"]
)
def test_a_redirect_to_another_scheme_is_not_followed(serve: Serve, target: str) -> None:
    """API-25: a redirect cannot leave http."""
    server = serve(lambda _: moved(target))
    with guarded(allowing(server)) as ydl, pytest.raises(RequestError):
        ydl.urlopen(server.url())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://8.8.8.8/x", "data:,x", "rtmp://8.8.8.8/x"])
def test_no_handler_takes_other_schemes(url: str) -> None:
    """API-25: the handlers that could are not there."""
    with guarded(NetworkPolicy(allow_private=True)) as ydl:
        assert {type(handler).__name__ for handler in ydl._request_director.handlers.values()} == {
            "GuardedHttpRH",
            "GuardedWebSocketRH",
        }
        with pytest.raises(NoSupportingHandlers):
            ydl.urlopen(url)


def test_a_name_server_that_changes_its_mind_gains_nothing(serve: Serve) -> None:
    """API-22: the first answer is public, the second is inside; what is dialled is what was judged."""
    server = serve(lambda _: text("secret"))
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])

    def rebinding(_: str, port: int) -> list[Resolved]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    guard = AddressGuard(policy=NetworkPolicy(), resolver=rebinding)
    assert guard.addresses("twice.example", server.port)
    with guarded(NetworkPolicy(), resolver=rebinding) as ydl, pytest.raises(AddressRefused):
        ydl.urlopen(f"http://twice.example:{server.port}/")
    assert server.seen == []


def test_the_name_is_resolved_once_per_connection(serve: Serve) -> None:
    """API-22: there is no second look-up between the check and the connection."""
    server = serve(lambda _: text("ok"))
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[Resolved]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with guarded(allowing(server), resolver=resolver) as ydl:
        ydl.urlopen(f"http://once.example:{server.port}/").read()
    assert asked == ["once.example"]
    assert server.seen[0][1]["host"] == f"once.example:{server.port}"


def test_cookies_stay_with_their_host(serve: Serve) -> None:
    """SEC-01: host A sets a cookie and redirects to B; A gets it again, B never does."""
    other = serve(lambda _: text("b"), "127.0.0.2")
    first = serve(
        lambda path: (
            (302, {"Location": other.url(), "Set-Cookie": "canary=xyz; Path=/"}, b"")
            if path == "/1"
            else text("a")
        )
    )
    with guarded(allowing(first, other)) as ydl:
        ydl.urlopen(first.url("/1")).read()
        ydl.urlopen(first.url("/2")).read()
    assert [headers.get("cookie") for _, headers in first.seen] == [None, "canary=xyz"]
    assert "cookie" not in other.seen[0][1]


def test_basic_credentials_are_not_sent_on_after_a_redirect(serve: Serve) -> None:
    """SEC-01: what an address carried as user and password stays with its host."""
    other = serve(lambda _: text("b"), "127.0.0.2")
    first = serve(lambda _: moved(other.url()))
    with guarded(allowing(first, other)) as ydl:
        ydl.urlopen(f"http://me:word@{first.host}:{first.port}/").read()
    assert first.seen[0][1]["authorization"].startswith("Basic ")
    assert "authorization" not in other.seen[0][1]


def playlist(*segments: str) -> str:
    """Write an HLS playlist of these segments."""
    lines = "".join(f"#EXTINF:1,\n{segment}\n" for segment in segments)
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n{lines}#EXT-X-ENDLIST\n"


@pytest.mark.filterwarnings("ignore:unclosed file")  # yt-dlp's, when a fragment thread fails
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("bad", ["inside", "file:///etc/passwd"])
def test_a_manifest_cannot_lead_inside(serve: Serve, tmp_path: Path, threads: int, bad: str) -> None:
    """API-23: an HLS segment inside or on disk fails the download, on one thread and on several."""
    inside = serve(lambda _: text("secret"))
    segment = f"http://localhost:{inside.port}/s.ts" if bad == "inside" else bad

    def reply(path: str) -> tuple[int, dict[str, str], bytes]:
        if path.endswith(".m3u8"):
            body = playlist("/1.ts", "/2.ts", segment, "/3.ts")
            return 200, {"Content-Type": "application/vnd.apple.mpegurl"}, body.encode()
        return 200, {"Content-Type": "video/mp2t"}, b"G" + bytes(187)

    site = serve(reply)
    params = {"concurrent_fragment_downloads": threads, "hls_prefer_native": True, "fixup": "never"}
    with guarded(allowing(site), tmp_path, **params) as ydl, pytest.raises((DownloadError, RequestError)):
        ydl.download([site.url("/list.m3u8")])
    gc.collect()  # the files that yt-dlp left open are this test's, not the next one's
    assert inside.seen == []
    assert not [
        path for path in tmp_path.rglob("*") if b"secret" in path.read_bytes() or path.suffix == ".mp4"
    ]


def test_ffmpeg_is_not_sent_to_the_network(serve: Serve, tmp_path: Path) -> None:
    """A live stream, which yt-dlp would give to ffmpeg, is refused with a clear message."""
    site = serve(lambda _: text("#EXTM3U"))
    info = {
        "id": "x", "title": "x", "ext": "mp4", "url": site.url("/live.m3u8"), "protocol": "m3u8",
        "is_live": True, "extractor": "test", "extractor_key": "Test", "webpage_url": site.url(),
    }  # fmt: skip
    with (
        guarded(allowing(site), tmp_path) as ydl,
        pytest.raises(UrlRefused, match="needs the program `ffmpeg`"),
    ):
        ydl.process_ie_result(info, download=True)
    assert site.seen == []


class CopyFD(ExternalFD):  # type: ignore[misc]  # yt-dlp ships no types
    """Stands for a program that downloads."""

    def _call_downloader(self, tmpfilename: str, _: object) -> int:
        Path(tmpfilename).write_text("fetched")
        return 0


def test_only_guarded_instances_are_kept_from_programs(tmp_path: Path) -> None:
    """The seal acts for guarded instances; another `YoutubeDL` of the process works as ever."""
    info: Any = {"url": "http://8.8.8.8/x", "protocol": "http", "ext": "mp4"}
    copier: Any = CopyFD
    with guarded(NetworkPolicy()) as ydl, bare() as free:
        with pytest.raises(UrlRefused, match="needs the program"):
            copier(ydl, ydl.params).real_download(str(tmp_path / "a"), info)
        assert copier(free, free.params).real_download(str(tmp_path / "b"), info)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_the_owners_proxy_is_used_and_judges_names(serve: Serve) -> None:
    """A proxy on an inside address carries requests for names; literal inside targets stay closed."""
    proxy = serve(text)
    url = f"http://{proxy.host}:{proxy.port}"
    with guarded(NetworkPolicy(proxy=url)) as ydl:
        assert ydl.urlopen("http://far.example/a").read() == b"http://far.example/a"
        with pytest.raises(AddressRefused):
            ydl.urlopen("http://169.254.169.254/latest")
    assert len(proxy.seen) == 1


def test_encrypted_requests_go_through_the_owners_proxy_too(serve: Serve) -> None:
    """The proxy is asked for a tunnel; nothing is dialled past it."""
    proxy = serve(lambda _: (403, {}, b""))
    with guarded(NetworkPolicy(proxy=proxy.url())) as ydl, pytest.raises(RequestError):
        ydl.urlopen("https://far.example/a")
    assert [path for path, _ in proxy.seen] == ["far.example:443"]


def test_a_page_cannot_choose_the_proxy(serve: Serve) -> None:
    """SEC-03's root: a proxy that comes with a request is not used."""
    from yt_dlp.networking.common import Request

    proxy = serve(text)
    target = serve(lambda _: text("ok"), "127.0.0.2")
    with (
        guarded(allowing(target, proxy)) as ydl,
        pytest.raises(AddressRefused, match="may not choose the proxy"),
    ):
        ydl.urlopen(Request(target.url(), proxies={"all": proxy.url()}))
    assert proxy.seen == []


def test_web_sockets_go_through_the_guard() -> None:
    """A `ws` address inside is refused before anything is dialled."""
    with guarded(NetworkPolicy()) as ydl, pytest.raises(AddressRefused, match="not a public address"):
        ydl.urlopen("ws://127.0.0.1:9/")


def test_an_allowed_web_socket_works() -> None:
    """Extractors that talk over web sockets can."""
    from websockets.sync.server import serve as serve_socket

    def echo(connection: Any) -> None:
        connection.send(connection.recv())

    with serve_socket(echo, "127.0.0.1", 0) as server:
        port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with guarded(NetworkPolicy(exceptions=frozenset({("127.0.0.1", port)}))) as ydl:
                talk = ydl.urlopen(f"ws://127.0.0.1:{port}/")
                talk.send("hello")
                assert talk.recv() == "hello"
                talk.close()
        finally:
            server.shutdown()
            thread.join()


def test_the_process_wide_socket_module_is_left_alone() -> None:
    """The same process talks to Prefect on loopback, so the guard must not sit in `socket`."""
    before = (socket.socket, socket.create_connection, socket.getaddrinfo)
    with guarded(NetworkPolicy()):
        assert (socket.socket, socket.create_connection, socket.getaddrinfo) == before

"""What may be asked for at intake, in every spelling (API-20, API-22, API-25, SEC-03, SEC-18)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from vidra.errors import TryLater, UrlRefused
from vidra.media.addresses import AddressGuard, NetworkPolicy, Resolved, check_url
from vidra.media.ranges import is_public

PUBLIC = NetworkPolicy()

INSIDE = [
    "http://127.0.0.1/",
    "http://127.0.0.1:8080/x",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.255.255.254/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0177.0.1/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7F.1/",
    "http://127.0x0.0.1/",
    "http://0.0.0.0/",
    "http://0/",
    "http://00000000/",
    "http://10.0.0.1/",
    "http://10.1/",
    "http://167772161/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://192.168.257/",
    "http://3232235777/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://192.0.0.1/",
    "http://198.18.0.1/",
    "http://203.0.113.9/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[0000::0001]:81/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[::FFFF:A9FE:A9FE]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:c0a8:101::1]/",
    "http://[2001:0:7f00:1::]/",
    "http://[2001:0:808:808::80ff:fffe]/",
    "http://[2001:db8::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd12:3456:789a::1]/",
    "http://[ff02::1]/",
    "http://[2606:4700::5efe:127.0.0.1]/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://LocalHost.:80/",
    "http://127。0。0。1/",
    "http://127．0｡0.1/",
    "http://１２７.0.0.1/",
    "http://①②⑦.0.0.1/",
    "HTTP://127.0.0.1/",
    "http://127.0.0.1./",
]

MISSHAPEN = [
    "",
    "example.com",
    "//example.com/x",
    "-o/etc/passwd",
    "--batch-file=/etc/passwd",
    "http://user:word@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1@example.com/",
    "http://8.8.8.8\\@127.0.0.1/",
    "http://8.8.8.8 /x",
    "http://8.8.8.8/a\nhttp://127.0.0.1/",
    "http://8.8.8.8/\t",
    "http://8.8.8.8/\x00",
    "http://8.8.8.8/\u202e",
    "http://8.8.8.8:99999/",
    "http://8.8.8.8:x/",
    "http:///path",
    "http://[::1/",
    "http://8.8.8.8/#__youtubedl_smuggle=%7B%7D",
    "http://8.8.8.8/?a=1#__YOUTUBEDL_SMUGGLE=%7B%7D",
    "http://8.8.8.8/" + "a" * 9000,
]

FOREIGN_SCHEMES = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "ftp://8.8.8.8/x",
    "data:text/plain,hello",
    "rtmp://8.8.8.8/live",
    "rtsp://8.8.8.8/live",
    "javascript:alert(1)",
    "concat:/etc/passwd|x",
    "gopher://8.8.8.8/",
    "ws://8.8.8.8/",
    "ytsearch:cats",
    "ytsearch10:cats",
    ":ytfav",
    "jar:http://8.8.8.8!/x",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
]


def answering(*addresses: str) -> AddressGuard:
    """Make a guard whose name server gives these answers."""
    return AddressGuard(policy=PUBLIC, resolver=lambda _, port: [answer(ip, port) for ip in addresses])


def answer(ip: str, port: int) -> Resolved:
    """Make what `getaddrinfo` says for one address."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    return (family, socket.SOCK_STREAM, 6, "", (ip, port))


@pytest.mark.parametrize("url", INSIDE)
def test_every_spelling_of_an_inside_address_is_refused(url: str) -> None:
    """API-20: no spelling of a private, loopback, link-local or reserved address gets in."""
    with pytest.raises(UrlRefused, match="not a public address"):
        check_url(url, PUBLIC)


@pytest.mark.parametrize("url", INSIDE)
def test_no_spelling_is_dialled_either(url: str) -> None:
    """API-20 at connect time, for addresses that only turn up in redirects and manifests."""
    parts = urlsplit(url)
    with pytest.raises((UrlRefused, socket.gaierror)):
        AddressGuard(policy=PUBLIC).connect(parts.hostname or "", parts.port or 80, timeout=1)


def test_the_list_of_spellings_is_long_enough() -> None:
    """API-20 asks for at least 40 spellings."""
    assert len(set(INSIDE)) >= 40


@pytest.mark.parametrize("url", MISSHAPEN)
def test_a_misshapen_address_is_refused(url: str) -> None:
    """SEC-03, SEC-18: options, smuggled data, invisible characters and tricks with `@` do not get in."""
    with pytest.raises(UrlRefused):
        check_url(url, PUBLIC)


@pytest.mark.parametrize("url", FOREIGN_SCHEMES)
def test_only_http_and_https_are_fetched(url: str) -> None:
    """API-25: no other scheme, and no search words."""
    with pytest.raises(UrlRefused, match="is not fetched"):
        check_url(url, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/x?y=z#t",
        "https://[2606:4700::1111]/",
        "http://134744072/",
        "http://[64:ff9b::8.8.8.8]/",
        "http://[2002:808:808::1]/",
        "http://1.1.1.1:8443/a-b",
    ],
)
def test_public_addresses_pass_unchanged(url: str) -> None:
    """A public address is returned as it was given, whatever its spelling."""
    assert check_url(url, PUBLIC) == url


def test_a_host_that_does_not_exist_is_refused() -> None:
    """A name that does not resolve fails closed."""

    def nowhere(host: str, port: int) -> Sequence[Resolved]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host}:{port}")

    with pytest.raises(UrlRefused, match="does not exist"):
        check_url("http://nowhere.example/", PUBLIC, resolver=nowhere)


def test_a_silent_name_server_means_try_later() -> None:
    """A broken name server is passing trouble, not a wrong address."""

    def silent(host: str, port: int) -> Sequence[Resolved]:
        raise socket.gaierror(socket.EAI_AGAIN, f"{host}:{port}")

    with pytest.raises(TryLater, match="name server"):
        check_url("http://later.example/", PUBLIC, resolver=silent)


def test_a_public_name_with_an_inside_address_is_refused() -> None:
    """A name server of the attacker's may point a public name inside."""
    with pytest.raises(UrlRefused, match=r"`evil\.example` is not a public address"):
        check_url("http://evil.example/", PUBLIC, resolver=answering("10.0.0.7").resolver)


def test_mixed_answers_keep_only_the_public_ones() -> None:
    """Of several addresses only those that may be dialled remain."""
    kept = answering("10.0.0.7", "93.184.216.34", "::1").addresses("mixed.example", 80)
    assert [found[4][0] for found in kept] == ["93.184.216.34"]


def test_the_owner_can_name_a_host_and_port() -> None:
    """An exception opens exactly the named host and port."""
    policy = NetworkPolicy(exceptions=frozenset({("nas.home.arpa", 8080), ("192.168.1.9", None)}))
    guard = AddressGuard(policy=policy)
    assert guard.allowed("192.168.1.5", "NAS.home.arpa.", 8080)
    assert not guard.allowed("192.168.1.5", "nas.home.arpa", 8081)
    assert guard.allowed("192.168.1.9", "whatever", 5)


def test_the_owner_can_open_the_inside_but_not_nowhere() -> None:
    """`allow_private` opens real hosts; multicast, documentation and `0.0.0.0` stay closed."""
    guard = AddressGuard(policy=NetworkPolicy(allow_private=True))
    assert all(
        guard.allowed(ip, "x", 80) for ip in ("10.1.1.1", "127.0.0.1", "::1", "fd00::1", "fe80::1%eth0")
    )
    assert not any(
        guard.allowed(ip, "x", 80) for ip in ("0.0.0.0", "224.0.0.1", "::", "ff02::1", "240.0.0.1")
    )


def test_behind_a_proxy_names_are_left_to_it_but_literals_are_judged() -> None:
    """The proxy resolves names; an address written out is still refused."""
    policy = NetworkPolicy(proxy="http://10.0.0.1:3128")
    assert check_url("http://only-the-proxy-knows.invalid/", policy)
    with pytest.raises(UrlRefused):
        check_url("http://0x7f.1/", policy)


def test_credentials_never_stand_in_the_refusal() -> None:
    """The message masks what an address carries."""
    with pytest.raises(UrlRefused) as caught:
        check_url("http://me:hunter22@8.8.8.8/?token=abcdefgh", PUBLIC)
    assert "hunter22" not in str(caught.value)
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize(
    "ip", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8"]
)
def test_ordinary_internet_addresses_are_public(ip: str) -> None:
    """The ranges close nothing that people download from."""
    assert is_public(ip_address(ip))

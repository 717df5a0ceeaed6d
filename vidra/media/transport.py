"""Makes one yt-dlp instance dial guarded addresses only: redirects, segments and all its threads.

All requests of a `YoutubeDL` go through its request director. Ours knows two handlers, HTTP and
WebSocket, whose connections are opened by the `AddressGuard`; the process-wide socket module stays
as it is, because the same process talks to Prefect on loopback. Programs that would open the network
by themselves (ffmpeg as a downloader, rtmpdump …) are refused.
"""

from __future__ import annotations

from vidra.media.addresses import AddressGuard, NetworkPolicy, Resolver, system_resolver
from vidra.media.foreign import Foreign
from vidra.media.guarded_http import GuardedHttpRH
from vidra.media.guarded_programs import seal_programs
from vidra.media.guarded_websocket import GuardedWebSocketRH


def attach_guard(
    ydl: Foreign, policy: NetworkPolicy, *, resolver: Resolver = system_resolver
) -> AddressGuard:
    """Route everything this `YoutubeDL` fetches through the guard; call it before the first request.

    The policy's proxy is used unless the parameters name one. What the policy does not allow fails
    with `AddressRefused`, a `RequestError` of yt-dlp, whose `cause` is our UrlRefused.
    """
    guard = AddressGuard(policy=policy, resolver=resolver)
    if "_request_director" in vars(ydl):
        ydl._request_director.close()  # noqa: SLF001 - yt-dlp offers no public way to choose the handlers
    if policy.proxy and ydl.params.get("proxy") is None:
        ydl.params["proxy"] = policy.proxy
        ydl.proxies = {"all": policy.proxy}  # in place of yt-dlp's cached answer
    director = ydl.build_request_director([GuardedHttpRH, GuardedWebSocketRH])
    proxies = trusted_proxies(ydl, policy)
    for handler in director.handlers.values():
        handler.guard = guard
        handler.trusted_proxies = proxies
    ydl._request_director = director  # noqa: SLF001 - the same
    seal_programs(ydl)
    return guard


def trusted_proxies(ydl: Foreign, policy: NetworkPolicy) -> frozenset[str]:
    """Return the proxies that the owner configured; a page must not be able to name another one."""
    named = (*ydl.proxies.values(), ydl.params.get("geo_verification_proxy"), policy.proxy)
    return frozenset(proxy for proxy in named if proxy)

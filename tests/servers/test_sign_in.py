"""Signing in: Plex by PIN, Home profiles, discovery; Jellyfin by password and Quick Connect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import httpx
import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp

from tests.connections.virtual_time import run as run_virtually
from tests.servers.fake_jellyfin import PASSWORD, USER, USER_NAME, FakeJellyfin
from tests.servers.fake_plex_tv import FakePlexTv, connection, resource
from tests.servers.sources import BASE, IDENTITY, NOW
from vidra.errors import AuthRequired, Missing, TryLater
from vidra.redaction import redact
from vidra.servers.interface import Address
from vidra.servers.jellyfin_login import JellyfinLogin
from vidra.servers.plex_account import PlexAccount, offer_of

ACCOUNT = SecretStr("account-token")
T = TypeVar("T")


class LoopClock:
    """The time of the running event loop, so that a virtual loop moves deadlines as well."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOW.timestamp() + self.monotonic(), UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Flaky:
    """Fail the first answers with a status."""

    def __init__(self, app: ASGIApp, failures: int) -> None:
        self.app, self.left = app, failures

    async def __call__(self, scope: object, receive: object, send: Callable[..., Awaitable[None]]) -> None:
        self.left -= 1
        if self.left >= 0:
            await send({"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"7")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, send)  # type: ignore[arg-type]  # handed through as they came


def _plex(app: ASGIApp, work: Callable[[PlexAccount], Awaitable[T]]) -> tuple[T, float]:
    async def main() -> T:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await work(PlexAccount(client=client, identity=IDENTITY, clock=LoopClock(), base=BASE))

    return run_virtually(main())


def _jellyfin(fake: FakeJellyfin, work: Callable[[JellyfinLogin], Awaitable[T]]) -> tuple[T, float]:
    async def main() -> T:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as client:
            return await work(JellyfinLogin(client=client, base=BASE, identity=IDENTITY, clock=LoopClock()))

    return run_virtually(main())


def test_a_pin_is_shown_and_claimed() -> None:
    """D1 PIN sign-in: a short code to type, a URL to open, one client identifier for both steps."""
    tv = FakePlexTv()

    async def work(account: PlexAccount) -> tuple[str, SecretStr | None, SecretStr]:
        pin = await account.create_pin()
        early = await account.poll_pin(pin)
        asyncio.get_running_loop().call_later(10.5, tv.claimed.__setitem__, pin.id, "fresh-token-1")
        return pin.auth_url, early, await account.wait_for_pin(pin)

    (url, early, token), took = _plex(tv.app(), work)

    assert url.startswith("https://app.plex.tv/auth#?clientID=installation-1&code=ABCD&context")
    assert (early, token) == (None, SecretStr("fresh-token-1"))
    assert took == pytest.approx(11, abs=0.1)
    assert set(tv.clients) == {"installation-1"}
    assert "fresh-token-1" not in redact("got fresh-token-1")


def test_a_pin_that_nobody_claims_ends_when_plex_says() -> None:
    """The deadline is that of the answer, 15 minutes here, not a number of tries."""

    async def work(account: PlexAccount) -> SecretStr:
        return await account.wait_for_pin(await account.create_pin())

    with pytest.raises(AuthRequired, match="nobody confirmed the PIN ABCD"):
        _plex(FakePlexTv().app(), work)


def test_a_pin_that_is_gone_stops_the_wait() -> None:
    """D2-11: an expired PIN is reported as expired, not polled for ever."""
    tv = FakePlexTv()

    async def work(account: PlexAccount) -> SecretStr:
        pin = await account.create_pin()
        asyncio.get_running_loop().call_later(5, tv.pins.clear)
        return await account.wait_for_pin(pin)

    with pytest.raises(AuthRequired, match="expired or was used"):
        _plex(tv.app(), work)


def test_trouble_on_the_way_does_not_end_the_sign_in() -> None:
    """Network errors keep polling, and as seldom as plex.tv asks."""
    tv = FakePlexTv(claimed={1: "fresh-token-2"}, pins={1: "ABCD"})

    async def work(account: PlexAccount) -> SecretStr:
        pin = await account.create_pin()
        flaky.left = 2
        tv.claimed[pin.id] = "fresh-token-2"
        return await account.wait_for_pin(pin)

    flaky = Flaky(tv.app(), 0)
    token, took = _plex(flaky, work)

    assert token == SecretStr("fresh-token-2")
    assert took == pytest.approx(16, abs=0.1)


def test_waiting_for_a_pin_can_be_cancelled() -> None:
    """The person closes the window."""

    async def work(account: PlexAccount) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await account.wait_for_pin(await account.create_pin())

    assert _plex(FakePlexTv().app(), work)[1] == pytest.approx(3, abs=0.1)


def test_servers_come_owned_first_with_their_own_tokens() -> None:
    """D1 server choice, D1-7: the token is the server's, players are no servers, every address is kept."""
    tv = FakePlexTv(resources=[
        resource("shared"), resource("player", provides="player"), resource("home", home=True),
        resource("mine", owned=True, connections=[
            connection("https://192-168-1-5.hash.plex.direct:32400", "192.168.1.5", local=True),
            connection("https://1.2.3.4:32400", "1.2.3.4"),
            connection("https://relay.plex.direct:8443", "9.9.9.9", relay=True),
        ]),
    ])  # fmt: skip
    offers, _ = _plex(tv.app(), lambda account: account.servers(ACCOUNT))

    assert [offer.machine_id for offer in offers] == ["mine", "home", "shared"]
    assert offers[2].token.get_secret_value() == "token-for-shared"
    assert offers[0].addresses == (
        Address(uri="https://192-168-1-5.hash.plex.direct:32400", local=True, relay=False),
        Address(uri="https://relay.plex.direct:8443", local=False, relay=True),
    )


def test_only_the_stored_machine_matches() -> None:
    """Never another server in its place; the message names the remedy."""
    offers, _ = _plex(
        FakePlexTv(resources=[resource("a"), resource("b")]).app(), lambda a: a.servers(ACCOUNT)
    )

    assert offer_of("b", offers).machine_id == "b"
    with pytest.raises(Missing, match="vidra source login"):
        offer_of("gone", offers)


def test_the_account_is_named_and_a_bad_token_is_told() -> None:
    """Anything but 401 is no evidence against a token."""
    user, _ = _plex(FakePlexTv().app(), lambda account: account.user(ACCOUNT))

    assert (user.id, user.name) == ("42", "owner")
    with pytest.raises(AuthRequired):
        _plex(FakePlexTv().app(), lambda account: account.user(SecretStr("stale-token")))
    with pytest.raises(TryLater) as caught:
        _plex(Flaky(FakePlexTv().app(), 9), lambda account: account.user(ACCOUNT))
    assert caught.value.retry_after == 7


def test_home_profiles_are_switched_with_their_pin() -> None:
    """The answer is XML; a missing and a wrong PIN are told apart."""
    users, _ = _plex(FakePlexTv().app(), lambda account: account.home_users(ACCOUNT))
    child, _ = _plex(FakePlexTv().app(), lambda account: account.switch_user(ACCOUNT, "2"))
    parent, _ = _plex(FakePlexTv().app(), lambda a: a.switch_user(ACCOUNT, "1", pin=SecretStr("1234")))

    assert [(u.id, u.name, u.protected) for u in users] == [("1", "parent", True), ("2", "child", False)]
    assert (child, parent) == (SecretStr("home&token"), SecretStr("home&token"))
    for pin, text in ((None, "needs its PIN"), (SecretStr("0000"), "refused the PIN")):
        with pytest.raises(AuthRequired, match=text):
            _plex(FakePlexTv().app(), lambda a, pin=pin: a.switch_user(ACCOUNT, "1", pin=pin))  # type: ignore[misc]  # bound now


def test_an_account_without_a_home_has_no_profiles() -> None:
    """403 is an answer here."""
    assert _plex(FakePlexTv(in_a_home=False).app(), lambda account: account.home_users(ACCOUNT))[0] == []


def test_jellyfin_signs_in_by_password() -> None:
    """The token is masked from then on."""
    signed_in, _ = _jellyfin(
        FakeJellyfin(), lambda login: login.with_password(USER_NAME, SecretStr(PASSWORD))
    )

    assert (signed_in.user.id, signed_in.token) == (USER, SecretStr("token-of-user"))
    with pytest.raises(AuthRequired):
        _jellyfin(FakeJellyfin(), lambda login: login.with_password(USER_NAME, SecretStr("wrong")))


def test_quick_connect_waits_for_the_confirmation() -> None:
    """The same device in every step, a look every two seconds."""
    fake = FakeJellyfin()

    async def work(login: JellyfinLogin) -> tuple[bool, str, SecretStr]:
        enabled, pending = await login.quick_connect_enabled(), await login.start_quick_connect()
        asyncio.get_running_loop().call_later(5, setattr, fake, "confirmed", True)
        return enabled, pending.code, (await login.finish_quick_connect(pending)).token

    result, took = _jellyfin(fake, work)

    assert result == (True, "123456", SecretStr("token-of-user"))
    assert took == pytest.approx(6, abs=0.1)
    assert set(fake.devices) == {IDENTITY.identifier}


def test_quick_connect_has_an_end() -> None:
    """Ten minutes, for the server names none."""

    async def work(login: JellyfinLogin) -> object:
        return await login.finish_quick_connect(await login.start_quick_connect())

    with pytest.raises(AuthRequired, match="nobody confirmed the code 123456"):
        _jellyfin(FakeJellyfin(), work)


def test_quick_connect_may_be_off() -> None:
    """Then the command line offers the password only."""
    assert (
        _jellyfin(FakeJellyfin(quick_connect=False), lambda login: login.quick_connect_enabled())[0] is False
    )

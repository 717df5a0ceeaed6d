"""What an answer means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from vidra.supervisor.happenings import Answer, Probe
from vidra.supervisor.health import Prober
from vidra.supervisor.interface import HealthSpec

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def answering(reply: bytes, *, delay: float = 0.0) -> AsyncIterator[str]:
    """Serve this reply to whoever comes; yields the health URL."""
    open_ends: list[asyncio.StreamWriter] = []
    end = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), delay)
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/health"
    finally:
        server.close()
        end.set()
        for writer in open_ends:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


def reply(status: int, body: str = "", **headers: str) -> bytes:
    """Return an HTTP reply."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def ask(text: bytes, *, delay: float = 0.0, instance: str | None = "me", **spec: object) -> Probe:
    """Probe a server that replies so."""
    async with answering(text, delay=delay) as url, Prober() as prober:
        patient = {"slow_after": 30.0, "timeout": 30.0} | spec  # a busy machine is not what is tested
        return await prober.ask(HealthSpec(**patient), url, instance=instance)  # type: ignore[arg-type]  # shorthand


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Answer.GOOD),
        (204, Answer.GOOD),
        (429, Answer.BUSY),
        (500, Answer.BAD),
        (503, Answer.BAD),
        (404, Answer.BAD),
        (401, Answer.BAD),
        (302, Answer.BAD),
    ],
)
async def test_a_status_has_its_meaning(status: int, answer: Answer) -> None:
    """Only success is good, 429 is alive, a redirect proves nothing about this back end."""
    assert (await ask(reply(status))).answer is answer


async def test_the_probe_gives_up_at_its_limit() -> None:
    """WD-17: an answer after the limit is no answer."""
    begun = time.monotonic()
    probe = await ask(reply(200), delay=5, timeout=0.2)

    assert (probe.answer, probe.detail) == (Answer.BAD, "no answer within 0.2 s")
    assert time.monotonic() - begun < 2


async def test_a_body_that_drips_does_not_outlast_the_limit() -> None:
    """Half open: the head arrives, the rest never does."""
    probe = await ask(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", delay=0, timeout=0.2)

    assert probe.answer is Answer.BAD


async def test_nobody_listening_is_bad() -> None:
    """Connection refused is told as such, and not raised."""
    async with answering(b"") as url:
        pass
    async with Prober() as prober:
        probe = await prober.ask(HealthSpec(), url, instance=None)

    assert probe.answer is Answer.BAD
    assert probe.detail.startswith("ConnectError")


async def test_garbage_is_bad() -> None:
    """Whoever does not speak HTTP is not our back end."""
    assert (await ask(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")).answer is Answer.BAD


@pytest.mark.parametrize(
    ("headers", "body", "answer"),
    [
        ({"X_Vidra_Instance": "me"}, "", Answer.GOOD),
        ({"X_Vidra_Instance": "other"}, "", Answer.FOREIGN),
        ({}, '{"instance": "me"}', Answer.GOOD),
        ({}, '{"instance": "other"}', Answer.FOREIGN),
        ({}, "plain", Answer.FOREIGN),
    ],
)
async def test_the_instance_id_must_be_ours(headers: dict[str, str], body: str, answer: Answer) -> None:
    """WD-16: 200 from another instance is foreign; a missing id only where one is required."""
    probe = await ask(reply(200, body, **headers), require_instance=True)

    assert probe.answer is answer


async def test_a_back_end_that_does_not_know_us_is_accepted() -> None:
    """Most programs echo no instance id."""
    assert (await ask(reply(200, '{"status": "ok"}'))).answer is Answer.GOOD


async def test_expected_fields_are_compared() -> None:
    """A service name tells who answers."""
    probe = await ask(reply(200, '{"service": "Other"}'), expect={"service": "Vidra"})

    assert probe.answer is Answer.FOREIGN
    assert "expected 'Vidra'" in probe.detail


async def test_a_late_good_answer_is_slow() -> None:
    """Slow is not bad, but not ready either."""
    assert (await ask(reply(200), delay=0.1, slow_after=0.05)).answer is Answer.SLOW


async def test_a_huge_answer_is_not_swallowed() -> None:
    """We look at 64 KiB and no more."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    assert (await ask(head + b"x" * 200_000)).answer is Answer.GOOD


async def test_every_probe_connects_anew() -> None:
    """A kept connection would hide that the back end no longer accepts new ones."""
    peers: set[object] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername"))
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply(200))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/health"
    async with server, Prober() as prober:
        answers = [await prober.ask(HealthSpec(), url, instance=None) for _ in range(2)]

    assert [probe.answer for probe in answers] == [Answer.GOOD, Answer.GOOD]
    assert len(peers) == 2

"""The program that puts Prefect's books in order is begun early and waits for its server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from vidra.engine.environment import embedded_environment
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.lifecycle.taking_over import TakingOver
from vidra.engine.observing import deployed_flows
from vidra.errors import EngineError
from vidra.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(engine_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return Prefect's variables before the server's address is known; a child loads settings of its own."""
    monkeypatch.setenv("VIDRA_STORAGE__DATA_DIR", str(tmp_path / "data"))
    return embedded_environment(engine_settings)


def _programs() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "vidra.engine.lifecycle.taking_over" in child.cmdline()]


@pytest.mark.usefixtures("connected")
def test_it_declares_deployments_where_it_is_told_to(
    server: EmbeddedServer, environment: dict[str, str], engine_settings: Settings
) -> None:
    """The address comes after the imports; the environment has none."""

    async def take_over() -> set[str]:
        """Return the deployments there are afterwards."""
        async with TakingOver(environment, engine_settings, shared=True) as taking_over:
            await taking_over.go(server.api_url)
        return {flow.name for flow in await deployed_flows()}

    assert "download-job" in asyncio.run(take_over())


def test_one_that_is_not_needed_any_more_ends(environment: dict[str, str], engine_settings: Settings) -> None:
    """A server that does not come up leaves no program behind."""

    async def give_up() -> int:
        """Return how many programs there were."""
        async with TakingOver(environment, engine_settings, shared=True):
            return len(_programs())

    assert asyncio.run(give_up()) == 1
    assert _programs() == []


def test_what_went_wrong_is_told(environment: dict[str, str], engine_settings: Settings) -> None:
    """Nobody answers at the address."""

    async def take_over() -> None:
        """Ask for the books of a server that is not there."""
        async with TakingOver(environment, engine_settings, shared=True) as taking_over:
            await taking_over.go("http://127.0.0.1:1/api")

    with pytest.raises(EngineError, match="does not answer"):
        asyncio.run(take_over())

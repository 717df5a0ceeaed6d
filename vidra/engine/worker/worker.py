"""The warm worker: a Prefect worker type that forks each flow run from a process that is ready.

Registered under the entry point group `prefect.collections`, so `prefect worker start --type vidra`
knows it as well as `vidra worker` does. POSIX only: it needs `fork`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Self
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkPool
from prefect.client.schemas.responses import DeploymentResponse, WorkerFlowRunResponse
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled, Crashed
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import PrivateAttr
from websockets.exceptions import WebSocketException

from vidra.engine.deployments.punctuality import start_now
from vidra.engine.worker.brood import Brood
from vidra.engine.worker.nursery import GRACE, PRELOADED, Call

CANCEL_GRACE: Final = 1.5
"""Seconds a cancelled run gets to clean up before its process group is killed."""
DRAIN: Final = 20.0
"""Seconds that runs under way get when the worker stops; then they are ended and put back to work."""
RECONNECT: Final = 5.0
"""Seconds until the event stream is tried again; meanwhile polling alone notices things."""
LOOKAHEAD: Final = 30.0
"""Seconds ahead that the server is asked for; a run is started when its time has come."""
IDLE_POLL: Final = 15.0
"""Seconds between two questions while nothing runs, nothing is due and the event stream is up."""
WAKING: Final = "prefect.flow-run.Scheduled"
CANCELLING: Final = "prefect.flow-run.Cancelling"
_DEPLOYMENT: ContextVar[DeploymentResponse | None] = ContextVar("vidra-deployment", default=None)
"""Of the run that this task starts, read while the server was told of the run."""


def _start_of(entry: WorkerFlowRunResponse) -> float:
    start = entry.flow_run.next_scheduled_start_time
    return 0.0 if start is None else start.timestamp()


class VidraJobConfiguration(BaseJobConfiguration):
    """How one flow run is started: what to call, and environment variables on top of the worker's."""

    _entrypoint: str = PrivateAttr(default="")  # a field would have to be a variable of the work pool

    @property
    def entrypoint(self) -> str:
        """Module path of the flow, the deployment's; empty for a run without one."""
        return self._entrypoint

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        *,
        client: PrefectClient,
        work_pool: WorkPool,
        worker_name: str,
        worker_id: UUID | None = None,
        deployment: DeploymentResponse | None = None,
    ) -> Self:
        """As the base class does, without a request for the flow, of which nothing is needed here."""
        deployment = deployment or _DEPLOYMENT.get()
        if deployment is None and flow_run.deployment_id is not None:
            deployment = await client.read_deployment(flow_run.deployment_id)
        values = {**((deployment and deployment.job_variables) or {}), **(flow_run.job_variables or {})}
        template = work_pool.base_job_template
        configuration: Self = await cls.from_template_and_values(template, values, client=client)
        configuration.prepare_for_flow_run(
            flow_run, deployment, work_pool=work_pool, worker_name=worker_name, worker_id=worker_id
        )
        return configuration

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        """Return nothing: a forked run inherits the worker's variables.

        Prefect would send its settings back as text, written a little differently, and the run would
        take 0.1 s to read them all again.
        """
        return {}

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Take the entrypoint from the deployment."""
        super().prepare_for_flow_run(flow_run, deployment, *args, **kwargs)
        if deployment is not None:
            self._entrypoint = deployment.entrypoint or ""


class VidraVariables(BaseVariables):
    """What a deployment may set for its runs."""


class VidraWorkerResult(BaseWorkerResult):
    """How the process of a run ended."""


class VidraWorker(BaseWorker[VidraJobConfiguration, VidraVariables, VidraWorkerResult]):
    """Polls a work pool every second, is woken by events, and forks each run."""

    type = "vidra"
    job_configuration = VidraJobConfiguration
    job_configuration_variables = VidraVariables
    preloaded: ClassVar[tuple[str, ...]] = PRELOADED
    _display_name = "Vidra"
    _description = "Fork each flow run from a process that has everything imported. Starts in well under 1 s."
    _documentation_url = ""
    _logo_url = ""

    def __init__(self, *args: Any, held: bool = False, **kwargs: Any) -> None:
        """`held`: connect, but take no work before `begin`."""
        kwargs["prefetch_seconds"] = LOOKAHEAD
        super().__init__(*args, **kwargs)
        self._held = held
        self._brood = Brood(self.preloaded)
        self._cancelled: set[UUID] = set()
        self._in_flight: set[UUID] = set()
        self._asking = anyio.Lock()
        self._draining = False
        self._listening = False
        self._ask_again = 0.0
        self.asked = asyncio.Event()
        """Set once the server has told for the first time what there is to do."""

    async def setup(self) -> None:
        """Connect, start the nursery and listen to events."""
        await super().setup()
        assert self._runs_task_group is not None  # noqa: S101 - for the type checkers: setup made it
        self._runs_task_group.start_soon(self._until_teardown, self._listen)
        if not self._held:
            self._runs_task_group.start_soon(self._brood.prepare)

    async def begin(self) -> None:
        """Take work from now on, if it was held."""
        if not self._held:
            return
        self._held = False
        if self._runs_task_group is None or not self.is_setup:
            return  # it takes its first look when it is set up
        self._runs_task_group.start_soon(self._brood.prepare)
        async with self._asking:
            with suppress(PrefectException, httpx.HTTPError):  # it asks again in a second
                await self._take_work()

    async def drain(self, limit: float = DRAIN) -> None:
        """Take no more runs; let those under way finish for `limit` seconds, then end them."""
        self._draining = True
        with anyio.move_on_after(limit):
            await self._until_idle()
        for key in self._brood.keys:
            await self._brood.tell(key, Call.END)
        with anyio.move_on_after(GRACE):
            await self._until_idle()

    async def _until_idle(self) -> None:
        while self._in_flight:  # noqa: ASYNC110 - a set cannot be awaited, and nobody is in a hurry
            await anyio.sleep(0.1)

    async def teardown(self, *exc_info: Any) -> None:
        """End what is still running, the nursery and the connection."""
        try:
            await super().teardown(*exc_info)
        finally:
            await self._brood.__aexit__(*exc_info)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: VidraJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> VidraWorkerResult:
        """Run the flow run in a process of its own and return when that has ended."""
        task = {
            "entrypoint": configuration.entrypoint,
            "flow_run": flow_run.model_dump(mode="json"),
            "env": configuration.env,
        }
        pid, ended = await self._brood.start(str(flow_run.id), task)
        identifier = f"{socket.gethostname()}:{pid}"
        if task_status is not None:
            task_status.started(identifier)
        code = await ended
        if flow_run.id in self._cancelled:
            await self._conclude_cancellation(flow_run, task)
            code = 0
        elif code != 0:
            await self._conclude_crash(flow_run, task, code)
        return VidraWorkerResult(identifier=identifier, status_code=code)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: VidraJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Prefect's door for cancelling runs that have not begun; ours is `_cancel`."""
        raise NotImplementedError

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Ask for cancellations and for work; called every second."""
        async with self._asking:
            if self._in_flight:
                await self._look_for_cancellations()
            return await self._take_work()

    async def _take_work(self) -> list[FlowRun]:
        if self._held or self._draining or time.time() < self._ask_again:
            self._last_polled_time = datetime.now(UTC)
            return []
        return await super().get_and_submit_flow_runs()

    async def _submit_scheduled_flow_runs(
        self, flow_run_response: list[WorkerFlowRunResponse]
    ) -> list[FlowRun]:
        self.asked.set()
        now = time.time()
        starts = [(_start_of(entry), entry) for entry in flow_run_response]
        # An answer can be older than what has happened since: a run we have is not submitted again.
        ours = self._in_flight | self._submitting_flow_run_ids
        due = [entry for start, entry in starts if start <= now and entry.flow_run.id not in ours]
        starting = await start_now(self.client, [entry.flow_run for entry in due], now=datetime.now(UTC))
        due = [entry for entry in due if entry.flow_run.id in starting]
        submitted = await super()._submit_scheduled_flow_runs(due)
        if self._listening and not due and not self._in_flight:
            # Nothing to do, and events tell what changes: the server need not be asked every second.
            self._ask_again = min([now + IDLE_POLL, *(start for start, _ in starts if start > now)])
        return submitted

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Start a run; its deployment is read once, and while the server is told that we have the run."""
        assert self._runs_task_group is not None  # noqa: S101 - for the type checkers: setup made it
        try:
            ours, deployment = await asyncio.gather(
                self._propose_pending_state(flow_run), self._deployment_of(flow_run)
            )
            _DEPLOYMENT.set(deployment)
            if not ours:
                self._release_limit_slot(flow_run.id)
                return
            process = await self._runs_task_group.start(self._submit_run_and_capture_errors, flow_run)
            if process and not isinstance(process, Exception):
                await self._note_process(flow_run, str(process))
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)
            if self._cancelling_observer is not None:
                self._cancelling_observer.remove_in_flight_flow_run_id(flow_run.id)

    async def _deployment_of(self, flow_run: FlowRun) -> DeploymentResponse | None:
        """Return the deployment; None without one, or when the attempt to start the run will find none."""
        if flow_run.deployment_id is None:
            return None
        try:
            return await self.client.read_deployment(flow_run.deployment_id)
        except (PrefectException, httpx.HTTPError):
            return None

    async def _note_process(self, flow_run: FlowRun, process: str) -> None:
        try:
            await self.client.update_flow_run(flow_run_id=flow_run.id, infrastructure_pid=process)
        except (PrefectException, httpx.HTTPError) as error:
            self._logger.info("the process %s of run %s is not noted: %s", process, flow_run.name, error)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Leave the run Pending: Running follows within half a second, and each state costs a write."""

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """Leave it: the run's process names the machine, and a request per run is much for a label."""

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[Any] | None = None
    ) -> BaseWorkerResult | Exception:
        self._in_flight.add(flow_run.id)
        try:
            return await super()._submit_run_and_capture_errors(flow_run, task_status)
        finally:
            self._in_flight.discard(flow_run.id)
            self._cancelled.discard(flow_run.id)

    async def _look_for_cancellations(self) -> None:
        filtering = {
            "id": {"any_": list(self._in_flight)},
            "state": {"type": {"any_": [StateType.CANCELLING]}},
        }
        for flow_run in await self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(filtering)
        ):
            self._start_cancelling(flow_run.id)

    def _start_cancelling(self, flow_run_id: UUID) -> None:
        if flow_run_id in self._cancelled or str(flow_run_id) not in self._brood.keys:
            return
        self._cancelled.add(flow_run_id)
        assert self._runs_task_group is not None  # noqa: S101 - for the type checkers: there are runs
        self._runs_task_group.start_soon(self._cancel, str(flow_run_id))

    async def _cancel(self, key: str) -> None:
        await self._brood.tell(key, Call.CANCEL)
        await self._brood.wait(key, CANCEL_GRACE)
        await self._brood.tell(key, Call.KILL)

    async def _conclude_cancellation(self, flow_run: FlowRun, task: dict[str, Any]) -> None:
        try:
            state = (await self.client.read_flow_run(flow_run.id)).state
        except ObjectNotFound:
            return  # deleted by a person meanwhile
        if state is None or state.is_final():
            return
        # It had to be killed: what its own process did not get to, we do.
        await self._run_hooks(flow_run, task, state.model_dump(mode="json"))
        await self.client.set_flow_run_state(
            flow_run.id, Cancelled(message="killed: it did not stop in time"), force=True
        )

    async def _conclude_crash(self, flow_run: FlowRun, task: dict[str, Any], code: int) -> None:
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        crashed: State[Any] = Crashed(message=f"The process of the run ended without telling: {how}.")
        await self._propose_crashed_state(flow_run, crashed.message or "")
        await self._run_hooks(flow_run, task, crashed.model_dump(mode="json"))

    async def _run_hooks(self, flow_run: FlowRun, task: dict[str, Any], state: dict[str, Any]) -> None:
        _, ended = await self._brood.start(f"hooks-{flow_run.id}", task | {"state": state})
        await ended

    async def _listen(self) -> None:
        wanted = EventFilter(event=EventNameFilter(name=[WAKING, CANCELLING]))
        while True:
            try:
                async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as events:
                    self._listening = True
                    async for event in events:
                        await self._react(event)
            except (WebSocketException, OSError, TimeoutError) as error:
                self._logger.debug("event stream lost, polling goes on: %s", error)
            finally:
                self._listening, self._ask_again = False, 0.0
            await anyio.sleep(RECONNECT)

    async def _react(self, event: Event) -> None:
        if event.event == CANCELLING:
            self._start_cancelling(UUID(event.resource.id.removeprefix("prefect.flow-run.")))
        else:
            self._ask_again = 0.0
            async with self._asking:
                await self._take_work()

    async def _until_teardown(self, loop: Callable[[], Awaitable[None]]) -> None:
        with anyio.CancelScope() as scope:
            self._scheduled_task_scopes.add(scope)
            await loop()

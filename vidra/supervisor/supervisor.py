"""Runs any number of back ends: the one door through which the engine starts, stops and watches them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import BackendNotFound
from vidra.supervisor.ending import Ending
from vidra.supervisor.happenings import (
    Happening,
    KeepWaiting,
    Probe,
    Reset,
    Restart,
    Start,
    Stop,
)
from vidra.supervisor.health import Prober
from vidra.supervisor.interface import (
    BackendEvent,
    BackendSpec,
    BackendState,
    BackendStatus,
    Subscriber,
    Timings,
)
from vidra.supervisor.lock import InstanceLock
from vidra.supervisor.logs import LogBook, RotatingFile
from vidra.supervisor.process import Process
from vidra.supervisor.records import FileRecords, RecordStore
from vidra.supervisor.runner import Runner
from vidra.supervisor.subreaper import Undertaker, become_subreaper
from vidra.supervisor.survivors import Survivor, find_survivors

_log = logging.getLogger(__name__)

_BURIAL_ROUND: Final = 30.0
"""Seconds between looks for dead orphans."""


class Supervisor:
    """Supervises the declared back ends while its context is open, in one event loop.

    Entering takes the lock of `folder` (raises `AlreadyRunning`), adopts what an earlier supervisor
    left running and starts the rest; leaving stops all of it and returns when it is gone. Back ends
    never affect one another. `folder` holds records, pipes and temporary folders; `logs` the logs.
    """

    def __init__(
        self,
        specs: Iterable[BackendSpec],
        *,
        folder: Path,
        logs: Path,
        clock: Clock = SYSTEM_CLOCK,
        records: RecordStore | None = None,
        subreaper: bool = False,
    ) -> None:
        """`subreaper`: become the parent of orphans below this process, which then must be its only job."""
        self._specs = {spec.name: spec for spec in specs}
        self._folder, self._logs, self._clock = folder.absolute(), logs, clock
        self._records = FileRecords(self._folder) if records is None else records
        self._lock = InstanceLock(self._folder / "supervisor.lock")
        self._errors = RotatingFile(logs / "backend_errors.log", clock)
        self._prober = Prober()
        self._subreaper = subreaper
        self._runners: dict[str, Runner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._burials: asyncio.Task[None] | None = None
        self._subscribers: list[Subscriber] = []

    async def __aenter__(self) -> Self:
        """Take over and start; returns before the back ends are ready."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.acquire()
        try:
            await self._begin()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every back end, wait until it is gone, release the lock."""
        try:
            await asyncio.gather(*(self._shut_down(name) for name in list(self._runners)))
        finally:
            if self._burials is not None:
                self._burials.cancel()
            await self._prober.__aexit__(None, None, None)
            self._errors.close()
            self._lock.release()

    # --- what there is

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all back ends, as declared."""
        return tuple(self._runners)

    def status(self, name: str) -> BackendStatus:
        """Return how the back end is; raise `BackendNotFound`."""
        return self._runner(name).status()

    def statuses(self) -> tuple[BackendStatus, ...]:
        """Return how all back ends are."""
        return tuple(runner.status() for runner in self._runners.values())

    def history(self, name: str) -> tuple[BackendEvent, ...]:
        """Return the latest events, oldest first; raise `BackendNotFound`."""
        return tuple(self._runner(name).teller.history)

    def probes(self, name: str) -> tuple[Probe, ...]:
        """Return the latest probes, oldest first; raise `BackendNotFound`."""
        return tuple(self._runner(name).probes)

    def tail(self, name: str) -> tuple[str, ...]:
        """Return the last lines the back end wrote; raise `BackendNotFound`."""
        return self._runner(name).book.tail()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with every event from now on; return how to end that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    async def wait(
        self, name: str, states: Collection[BackendState], *, limit: float | None = None
    ) -> BackendStatus:
        """Return once the back end is in one of the states; raise `TimeoutError` after `limit` seconds."""
        runner = self._runner(name)
        changed = asyncio.Event()
        end = self.subscribe(lambda _: changed.set())
        try:
            async with asyncio.timeout(limit):
                while runner.state not in states:
                    changed.clear()
                    await changed.wait()
        finally:
            end()
        return runner.status()

    # --- what an operator can do; each returns once it has been decided, not once it is done

    async def start(self, name: str, *, patience: float = 0.0) -> BackendStatus:
        """Start the back end, from `failed` too, whose crash count it clears.

        `patience` is how long past its limit this start waits for `keep_waiting`: somebody is there.
        """
        return await self._operate(name, Start(operator=True, patience=patience))

    async def stop(self, name: str) -> BackendStatus:
        """Stop the back end; it stays stopped, across our own restarts too, until it is started."""
        return await self._operate(name, Stop())

    async def restart(self, name: str, *, patience: float = 0.0) -> BackendStatus:
        """Stop and start the back end. Not a crash, however often it is done. `patience` as for `start`."""
        return await self._operate(name, Restart(patience=patience))

    async def reset(self, name: str) -> BackendStatus:
        """Forget crashes; a failed back end becomes a stopped one."""
        await self._runner(name).post(Reset())
        return self.status(name)

    async def keep_waiting(self, name: str) -> BackendStatus:
        """Give a slow start 30 s more."""
        await self._runner(name).post(KeepWaiting())
        return self.status(name)

    async def probe(self, name: str) -> Probe | None:
        """Probe now; None where asking makes no sense (stopped, failed, no health route)."""
        return await self._runner(name).probe()

    async def probe_all(self) -> dict[str, Probe | None]:
        """Probe all back ends at the same time; takes as long as the slowest."""
        answers = await asyncio.gather(*(runner.probe() for runner in self._runners.values()))
        return dict(zip(self._runners, answers, strict=True))

    async def add(self, spec: BackendSpec) -> None:
        """Declare and start one more back end; one of the same name is stopped and replaced."""
        if spec.name in self._runners:
            await self.remove(spec.name)
        self._run(spec, await asyncio.to_thread(find_survivors, self._mark(spec.name)))

    async def extend(self, specs: Iterable[BackendSpec]) -> None:
        """Declare and start further back ends, with one look at the process table for all of them."""
        survivors = await asyncio.to_thread(find_survivors, f"{self._home}:")
        for spec in specs:
            if spec.name in self._runners:
                await self.remove(spec.name)
            self._run(spec, survivors)

    async def end_undeclared(self, names: Iterable[str] = ()) -> tuple[str, ...]:
        """End what an earlier supervisor left of back ends that are neither ours now nor among `names`.

        Returns their names. Without this, taking a back end out of the configuration while its
        supervisor was dead would leave it running for ever.
        """
        known = {*self._runners, *names}
        found = await asyncio.to_thread(find_survivors, f"{self._home}:")
        found.sort(key=lambda one: one.leads)  # so that of one name the leader is kept
        lost = {name: one for one in found if (name := one.instance.split(":")[1]) not in known}
        ends = [
            Ending(Process(one.identity) if one.leads else None, mark=self._mark(name), timings=Timings())
            for name, one in lost.items()
        ]
        await asyncio.gather(*(end.run(ask=None) for end in ends))
        return tuple(lost)

    async def remove(self, name: str) -> None:
        """Stop the back end and forget it; raise `BackendNotFound`."""
        self._runner(name)
        await self._shut_down(name)
        del self._runners[name]

    # --- inside

    async def _begin(self) -> None:
        if self._subreaper and become_subreaper():
            self._burials = asyncio.create_task(self._bury(), name="undertaker")
        survivors = await asyncio.to_thread(find_survivors, f"{self._home}:")
        for spec in self._specs.values():
            self._run(spec, survivors)

    @property
    def _home(self) -> str:
        """Distinguishes our processes from those of other supervisors: a folder has one at a time."""
        return hashlib.sha256(str(self._folder).encode()).hexdigest()[:12]

    def _mark(self, name: str) -> str:
        return f"{self._home}:{name}:"

    def _runner(self, name: str) -> Runner:
        try:
            return self._runners[name]
        except KeyError:
            raise BackendNotFound(name, self.names) from None

    def _run(self, spec: BackendSpec, survivors: Sequence[Survivor]) -> None:
        mark = self._mark(spec.name)
        log_file = self._logs / f"{spec.name}.log" if spec.log_file is None else spec.log_file
        runner = Runner(
            spec,
            mark=mark,
            folder=self._folder,
            book=LogBook(spec.name, log_file, self._errors, self._clock),
            prober=self._prober,
            records=self._records,
            clock=self._clock,
            publish=self._publish,
        )
        mine = [survivor for survivor in survivors if survivor.instance.startswith(mark)]
        self._runners[spec.name] = runner
        self._tasks[spec.name] = asyncio.create_task(_guarded(runner, mine), name=f"back end {spec.name}")

    async def _operate(self, name: str, happening: Happening) -> BackendStatus:
        runner = self._runner(name)
        await runner.operate(happening)
        return runner.status()

    async def _shut_down(self, name: str) -> None:
        """Stop without remembering it as the operator's wish; leave nothing running."""
        runner, task = self._runners[name], self._tasks.pop(name)
        timings = runner.spec.timings
        try:
            if task.done():
                await Ending(None, mark=self._mark(name), timings=timings).run(ask=None)
            else:
                patience = timings.shutdown_grace + timings.leader_grace + timings.term_grace
                limit = patience + 2 * timings.kill_grace
                async with asyncio.timeout(limit):
                    await runner.leave()
        except TimeoutError:
            _log.error("%s could not be ended; see %s", name, runner.book.path)
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _publish(self, event: BackendEvent) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - the edge to foreign code: its mistakes must not stop supervision
                _log.exception("a subscriber failed on %s", event)

    async def _bury(self) -> None:
        undertaker = Undertaker()
        while True:
            await asyncio.sleep(_BURIAL_ROUND)
            ours = [runner.pid for runner in self._runners.values() if runner.pid is not None]
            undertaker.look(ours=ours)


async def _guarded(runner: Runner, survivors: Sequence[Survivor]) -> None:
    """Run one back end; should its runner break, the others go on and the log has the reason."""
    try:
        await runner.run(survivors)
    except Exception:
        _log.exception("supervision of %s broke", runner.spec.name)
        raise

"""Carries out what the policy decides for one back end, and reports to it what happens; nothing else."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, assert_never

from vidra.clock import Clock
from vidra.errors import BackendNotStarted, SupervisorError
from vidra.supervisor.asking import Questioner
from vidra.supervisor.diagnosis import missing_dependency, split_trace
from vidra.supervisor.ending import Ending
from vidra.supervisor.happenings import (
    Act,
    Answer,
    Changed,
    Ended,
    Exited,
    Happening,
    Outcome,
    PortTaken,
    Probe,
    Probed,
    ProbeNow,
    Spawned,
    SpawnFailed,
    Start,
    Stop,
    Tick,
    Told,
)
from vidra.supervisor.health import Prober
from vidra.supervisor.identity import Identity
from vidra.supervisor.interface import (
    BackendEvent,
    BackendRecord,
    BackendSpec,
    BackendState,
    BackendStatus,
    ExitReport,
    NoticeKind,
)
from vidra.supervisor.launching import Launcher
from vidra.supervisor.logs import LogBook
from vidra.supervisor.policy import Machine
from vidra.supervisor.ports import base_url, origin
from vidra.supervisor.process import Process
from vidra.supervisor.records import RecordStore
from vidra.supervisor.remembering import Memory
from vidra.supervisor.repairing import repair
from vidra.supervisor.survivors import Survivor, leader_of, strangers_to
from vidra.supervisor.telling import Teller

_PROBES: Final = 100
"""Probes remembered for each back end."""
_PROBE_SLACK: Final = 1.0
"""Seconds beyond a probe's own limit that a requested probe may wait for its turn."""
_PORTLESS: Final = frozenset({BackendState.STOPPED, BackendState.FAILED, BackendState.FOREIGN})
_ASKABLE: Final = frozenset({BackendState.STARTING, BackendState.HEALTHY, BackendState.UNHEALTHY})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gone:
    """Our process ended; how it ended is found out before the policy hears of it."""

    process: Process


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answered:
    """A probe of that process (None for a service we do not own) returned."""

    process: Process | None
    probe: Probe


@dataclass(frozen=True, kw_only=True, slots=True)
class _Broken:
    """Work in the background failed in a way nobody foresaw."""

    error: BaseException


_Event: TypeAlias = Happening | _Gone | _Answered | _Broken


class Runner:
    """One back end: its machine, its process, its port, its log. Lives in one event loop."""

    def __init__(
        self,
        spec: BackendSpec,
        *,
        mark: str,
        folder: Path,
        book: LogBook,
        prober: Prober,
        records: RecordStore,
        clock: Clock,
        publish: Callable[[BackendEvent], None],
    ) -> None:
        """`mark` begins every instance id of this back end, and no other back end's."""
        self.spec, self.book = spec, book
        self.teller = Teller(book, clock, publish)
        self.probes: deque[Probe] = deque(maxlen=_PROBES)
        self._mark, self._clock = mark, clock
        self._questioner = Questioner(spec, prober)
        self._memory = Memory(spec, records)
        self._machine = Machine(
            spec.timings,
            clock,
            owned=spec.owned,
            probed=spec.health is not None,
            repairable=spec.restart_command is not None,
            final_exits=spec.final_exits,
            crashes=self._memory.record.crashes,
            failed=self._memory.record.failed,
        )
        self._launcher = Launcher(spec, folder, book.write)
        self._inbox: asyncio.Queue[tuple[_Event, asyncio.Future[None] | None]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._process: Process | None = None
        self._ending = self._closed = False
        self._last_exit: ExitReport | None = None
        self._judged, self._at_rest = asyncio.Event(), asyncio.Event()

    # --- for the supervisor

    async def run(self, survivors: Sequence[Survivor]) -> None:
        """Take over what an earlier supervisor left, then serve events until cancelled."""
        self._launcher.listen()
        try:
            await self._take_over(survivors)
            while True:
                await self._serve_one()
        finally:
            self._close()

    async def post(self, happening: Happening) -> None:
        """Hand an event to the machine; return once it has been dealt with.

        Raises `SupervisorError` when this back end is no longer supervised.
        """
        if self._closed:
            message = f"{self.spec.name} is no longer supervised"
            raise SupervisorError(message)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((happening, done))
        await done

    async def operate(self, happening: Happening) -> None:
        """Hand over what a person wants; a stop is remembered, so that our next start respects it."""
        self._keep(stopped=isinstance(happening, Stop))
        await self.post(happening)

    async def leave(self) -> None:
        """End what runs because the supervisor leaves; return once nothing runs any more."""
        await self.post(Stop(operator=False))
        await self._at_rest.wait()

    async def probe(self) -> Probe | None:
        """Probe now and return the answer; None where asking makes no sense, or when a stop takes long."""
        if self.spec.health is None or self._machine.state not in _ASKABLE:
            return None
        self._judged.clear()
        try:
            async with asyncio.timeout(self.spec.health.timeout + _PROBE_SLACK):
                await self.post(ProbeNow())
                await self._judged.wait()
        except TimeoutError:
            return None
        return self.probes[-1]

    @property
    def state(self) -> BackendState:
        """Return the state."""
        return self._machine.state

    @property
    def pid(self) -> int | None:
        """Return the pid of the process we hold, dead or alive."""
        return None if self._process is None else self._process.pid

    @property
    def url(self) -> str | None:
        """Return where the back end answers; None while it has no port. A watched service has its own."""
        if not self.spec.owned and self.spec.health is not None:
            return origin(self.spec.health.url)
        if self.spec.port is None or self._record.port is None or self._machine.state in _PORTLESS:
            return None
        return base_url(self.spec.port.host, self._record.port)

    def status(self) -> BackendStatus:
        """Return everything there is to know now."""
        good = next((probe for probe in reversed(self.probes) if probe.answer is Answer.GOOD), None)
        return BackendStatus(
            name=self.spec.name,
            state=self._machine.state,
            reason=self._machine.reason,
            since=self.teller.since,
            owned=self.spec.owned,
            pid=self.pid,
            url=self.url,
            port=None if self.url is None else self._record.port,
            instance=self._record.instance,
            crashes=len(self._machine.crashes),
            restarts=self._machine.restarts,
            flapping=self._machine.flapping,
            latency=None if good is None else good.latency,
            last_exit=self._last_exit,
            log_file=self.book.path,
        )

    # --- the loop

    async def _serve_one(self) -> None:
        event, done = await self._next()
        try:
            if isinstance(event, _Gone):
                await self._on_gone(event.process)
            elif isinstance(event, _Answered):
                self._on_answered(event)
            elif isinstance(event, _Broken):
                raise event.error
            else:
                self._handle(event)
        finally:
            if done is not None and not done.done():
                done.set_result(None)

    async def _next(self) -> tuple[_Event, asyncio.Future[None] | None]:
        due = self._machine.due
        wait = None if due is None else max(0.0, due - self._clock.monotonic())
        try:
            async with asyncio.timeout(wait):
                return await self._inbox.get()
        except TimeoutError:
            return Tick(), None

    def _handle(self, happening: Happening) -> None:
        """Feed the machine and do what it says; what a spawn reports comes before anything else."""
        queue: deque[Happening] = deque([happening])
        while queue:
            for outcome in self._machine.handle(queue.popleft()):
                if (report := self._carry_out(outcome)) is not None:
                    queue.append(report)
        self._settle()

    def _carry_out(self, outcome: Outcome) -> Happening | None:
        match outcome:
            case Changed():
                self.teller.announce(outcome, pid=self.pid, url=self.url)
            case Told():
                self.teller.tell(outcome)
            case Act.SPAWN:
                return self._spawn()
            case Act.PROBE:
                self._background(self._probe())
            case Act.END | Act.END_HUNG:
                self._ending = True
                self._background(self._end(hung=outcome is Act.END_HUNG))
            case Act.REPAIR:
                self._background(self._repair())
            case _:
                assert_never(outcome)
        return None

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(_Broken(error=error))

    def _report(self, event: _Event) -> None:
        self._inbox.put_nowait((event, None))

    def _settle(self) -> None:
        """After an event: keep what the next supervisor must know, and give up what is not needed."""
        machine = self._machine
        if machine.state in _PORTLESS and self._process is None and not self._ending:
            self._launcher.give_port_back()
            self._at_rest.set()
        else:
            self._at_rest.clear()
        if machine.state is BackendState.HEALTHY:
            self._launcher.settled()
        failed = machine.reason if machine.state is BackendState.FAILED else None
        self._keep(crashes=machine.crashes, failed=failed)

    # --- starting

    def _spawn(self) -> Happening:
        self.teller.evidence, self.teller.cause = (), None
        try:
            self._questioner.prepare()
            if not self._launcher.reserve(self._record.port):
                port = "the fixed port" if self.spec.port is None else f"port {self.spec.port.fixed}"
                return PortTaken(reason=f"another program listens on {port}; it was left alone")
            self._start_process()
        except BackendNotStarted as error:
            self._launcher.clear_temporary()
            self.teller.evidence, self.teller.cause = error.evidence, type(error).__name__
            return SpawnFailed(reason=error.reason, permanent=True)
        except OSError as error:
            return SpawnFailed(reason=f"cannot start now: {error}", permanent=False)
        return Spawned()

    def _start_process(self) -> None:
        instance, token = self._mark + secrets.token_hex(16), secrets.token_urlsafe(32)
        # The record comes first: should we die right after the start, the instance id finds the process.
        self._keep(
            instance=instance,
            token=token,
            port=self._launcher.port,
            process=None,
            digest=self.spec.digest,
        )
        self.book.forget_tail()
        process = self._launcher.launch(instance=instance, token=token)
        self._hold(process)
        self.book.remark(f"started as pid {process.pid}, port {self._launcher.port}")

    def _hold(self, process: Process) -> None:
        self._process = process
        self._keep(process=process.identity)
        self._background(self._watch(process))

    async def _take_over(self, survivors: Sequence[Survivor]) -> None:
        leader = leader_of(self._record, survivors) if self.spec.owned else None
        wanted = self._record.digest == self.spec.digest and self._machine.state is BackendState.STOPPED
        if leader is not None and wanted and not self._record.stopped:
            await self._end_others(strangers_to(self._record, survivors))
            self._adopt(leader)
        elif survivors or leader is not None:
            process = None if leader is None else Process(leader)
            report = await self._new_ending(process).run(ask=None)
            self.book.remark(f"ended what an earlier supervisor had left: {report.ended_by}")
        self._launcher.clear_temporary(keep=self._record.instance if self._process else None)
        self._keep(digest=self.spec.digest)
        if self._process is None and not self._record.stopped and self.spec.autostart:
            self._handle(Start(operator=False))

    async def _end_others(self, others: Sequence[Survivor]) -> None:
        """End doubles. Never one that holds the adopted start's mark."""
        for instance in {other.instance for other in others}:
            await Ending(None, mark=instance, timings=self.spec.timings).run(ask=None)

    def _adopt(self, leader: Identity) -> None:
        self.book.remark(f"adopted pid {leader.pid}: it outlived its supervisor")
        self._hold(Process(leader))
        self._handle(Spawned(adopted=True))

    # --- ends

    async def _watch(self, process: Process) -> None:
        await process.ended()
        self._report(_Gone(process=process))

    async def _on_gone(self, process: Process) -> None:
        if process is not self._process or self._ending:
            return  # the stop sequence that is under way reports it
        report = self._after_end(await self._new_ending(process).kill())
        # Without a health route nobody ever saw it work, so it may still be starting for all we know.
        starting = self._machine.state is BackendState.STARTING or self.spec.health is None
        permanent = missing_dependency(report.tail) if starting and report.code == 1 else None
        self.teller.evidence, _ = split_trace(report.tail)
        self.book.remark(f"ended unexpectedly: {report}", error=True, evidence=report.tail)
        lost = starting and self._launcher.lost_port()
        self._handle(Exited(report=report, permanent=permanent, port_lost=lost))

    async def _end(self, *, hung: bool) -> None:
        ask = None if hung else self._questioner.please_leave(self.url, self._record.token)
        report = self._after_end(await self._new_ending(self._process).run(ask=ask, hung=hung))
        self.book.remark(f"ended by {report.ended_by} after {report.seconds:.1f} s: {report}")
        self._ending = False
        self._report(Ended(report=report))

    def _new_ending(self, process: Process | None) -> Ending:
        return Ending(process, mark=self._mark, timings=self.spec.timings)

    def _after_end(self, report: ExitReport) -> ExitReport:
        self._launcher.drain()
        report = replace(report, tail=self.book.tail())
        self._last_exit = report
        if not report.leftovers:
            self._process = None
            self._keep(process=None)
            self._launcher.clear_temporary()
        return report

    async def _repair(self) -> None:
        repaired, output = await repair(self.spec)
        self.book.write("restart", output)
        self._report(repaired)

    # --- health

    async def _probe(self) -> None:
        process, health = self._process, self.spec.health
        assert health is not None  # noqa: S101 - the policy probes only what can be probed
        probe = await self._questioner.how_are_you(health, self.url, instance=self._record.instance)
        self._report(_Answered(process=process, probe=probe))

    def _on_answered(self, answered: _Answered) -> None:
        self.probes.append(answered.probe)
        if answered.process is self._process:  # else the answer is about a process that has ended
            self._handle(Probed(probe=answered.probe))
        self._judged.set()

    # --- keeping

    @property
    def _record(self) -> BackendRecord:
        return self._memory.record

    def _keep(self, **fields: Any) -> None:
        problem = self._memory.change(replace(self._record, **fields))
        if problem is not None:
            self.teller.tell(Told(kind=NoticeKind.NOT_SAVED, message=problem))

    def _close(self) -> None:
        self._closed = True
        while not self._inbox.empty():
            _, done = self._inbox.get_nowait()
            if done is not None and not done.done():
                done.set_exception(SupervisorError(f"{self.spec.name} is no longer supervised"))
        for task in self._tasks:
            task.cancel()
        self._launcher.close()
        self.book.close()

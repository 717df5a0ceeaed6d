"""Starts one back end's process: port, command line, environment, temporary folder, pipes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from vidra.supervisor.capture import Capture
from vidra.supervisor.environment import command_for, environment_for
from vidra.supervisor.interface import BackendSpec
from vidra.supervisor.ports import Reservation, listens, reserve
from vidra.supervisor.process import Process, spawn


class Launcher:
    """Holds what a start needs and what outlives it: the reserved port and the two output pipes."""

    def __init__(self, spec: BackendSpec, folder: Path, sink: Callable[[str, Sequence[str]], None]) -> None:
        self._spec, self._folder = spec, folder
        self._reservation: Reservation | None = None
        self._lost_ports: set[int] = set()
        self._captures = (
            Capture(folder / f"{spec.name}.out", lambda lines: sink("out", lines)),
            Capture(folder / f"{spec.name}.err", lambda lines: sink("err", lines)),
        )

    def listen(self) -> None:
        """Read what the back end prints, in the running event loop."""
        for capture in self._captures:
            capture.listen()

    def reserve(self, prefer: int | None) -> bool:
        """Get hold of a port, if one is wanted; False when a stranger has the fixed one.

        Raises `NoFreePort`.
        """
        spec = self._spec.port
        if spec is None or (self._reservation is not None and self._reservation.held):
            return True
        wish = None if prefer in self._lost_ports else prefer
        self._reservation = reserve(self._spec.name, spec, prefer=wish, avoid=self._lost_ports)
        return self._reservation is not None

    @property
    def port(self) -> int | None:
        """Return the reserved port."""
        return None if self._reservation is None else self._reservation.port

    def launch(self, *, instance: str, token: str) -> Process:
        """Start the process; `reserve` came before. Raises as `vidra.supervisor.process.spawn` does."""
        assert self._spec.command is not None  # noqa: S101 - only owned back ends are launched
        values, reservation = self._values(), self._reservation
        environment = environment_for(
            self._spec,
            os.environ,
            instance=instance,
            token=token,
            values=values,
            temporary=self._new_temporary(instance),
        )
        pipes = [capture.open_for_child() for capture in self._captures]
        if reservation is not None:
            reservation.before_spawn()
        try:
            return spawn(
                self._spec.name,
                command_for(self._spec.command, self._spec, values),
                cwd=self._spec.cwd,
                env=environment,
                stdout=pipes[0],
                stderr=pipes[1],
                descriptor=None if reservation is None else reservation.descriptor,
                ends_with_us=self._spec.ends_with_supervisor,
            )
        finally:
            for pipe in pipes:
                os.close(pipe)

    def lost_port(self) -> bool:
        """After an end during the start: whether somebody else listens there; if so, look elsewhere."""
        reservation = self._reservation
        if reservation is None or reservation.descriptor is not None:
            return False
        if not listens(reservation.host, reservation.port):
            return False
        self._lost_ports.add(reservation.port)
        reservation.release()
        return True

    def settled(self) -> None:
        """Forget the ports lost on the way: the back end is healthy, another time they may be free."""
        self._lost_ports.clear()

    def give_port_back(self) -> None:
        """Let others have the port."""
        if self._reservation is not None:
            self._reservation.release()
            self._reservation = None

    def drain(self) -> None:
        """Take what an ended process printed last."""
        for capture in self._captures:
            capture.drain()

    def clear_temporary(self, *, keep: str | None = None) -> None:
        """Remove the temporary folders of all starts but the one with the instance id `keep`."""
        kept = None if keep is None else self._temporary(keep)
        for path in self._folder.glob(f"{self._spec.name}.tmp-*"):
            if path != kept:
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Let go of port and pipes; a process that still runs keeps its own ends of them."""
        self.give_port_back()
        for capture in self._captures:
            capture.drain()
            capture.close()

    def _values(self) -> dict[str, str]:
        if self._reservation is None:
            return {}
        values = {"port": str(self._reservation.port), "host": self._reservation.host}
        if self._reservation.descriptor is not None:
            values["fd"] = str(self._reservation.descriptor)
        return values

    def _new_temporary(self, instance: str) -> Path | None:
        """Return the start's own temporary folder; None on a full disk, which must not prevent a start."""
        folder = self._temporary(instance)
        try:
            folder.mkdir(mode=0o700)
        except OSError:
            return None
        return folder

    def _temporary(self, instance: str) -> Path:
        return self._folder / f"{self._spec.name}.tmp-{instance[-16:]}"

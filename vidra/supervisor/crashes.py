"""The crash limit: so many crashes in a sliding window, and no clock jump can add or lose one."""

from __future__ import annotations

from collections.abc import Iterable


class CrashWindow:
    """Crash times in monotonic seconds, so that setting the wall clock changes nothing."""

    def __init__(self, *, limit: int, window: float, times: Iterable[float] = ()) -> None:
        self._limit, self._window = limit, window
        self._times = sorted(times)

    def add(self, now: float) -> bool:
        """Record a crash; return whether the limit is reached."""
        self._times.append(now)
        return len(self.times(now)) >= self._limit

    def times(self, now: float) -> tuple[float, ...]:
        """Return the crashes inside the window that ends now; times in the future are not believed."""
        self._times = [moment for moment in self._times if now - self._window < moment <= now]
        return tuple(self._times)

    def clear(self) -> None:
        """Forget all crashes: an operator took over."""
        self._times.clear()

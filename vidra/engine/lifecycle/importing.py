"""How a program that stays imports what it stays with."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Import, inside, what this process needs for as long as it lives.

    Nearly all that imports make stays, yet the garbage collector would look through it again and again: a
    fourth of the time that Prefect's server takes to import. It is left alone from then on, too, so that
    no later collection takes time for it, and none copies what a forked process shares.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()

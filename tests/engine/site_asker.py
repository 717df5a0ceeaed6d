"""A process that wants to ask a site: `python -m tests.engine.site_asker FOLDER SITE ask|refused`.

`refused` asks and is refused; `ask` prints `admitted` or `paused`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from vidra.engine.politeness.breaker import Rule
from vidra.engine.politeness.breakers import Breakers
from vidra.errors import SitePaused, SlowDown
from vidra.state import open_state

PAUSE: Final = 3.0
RULE: Final = Rule(refusals=2, window=600.0, pause=PAUSE, longest=3600.0)


def _main(folder: Path, site: str, what: str) -> None:
    who = f"process {os.getpid()}"
    with open_state(folder) as state:
        breakers = Breakers(state, rule=RULE)
        try:
            breakers.admit(site, who)
        except SitePaused:
            sys.stdout.write("paused")
        else:
            sys.stdout.write("admitted")
            if what == "refused":
                with suppress(SlowDown), breakers.watching(site, who):
                    raise SlowDown("HTTP Error 429")
        breakers.close()


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])

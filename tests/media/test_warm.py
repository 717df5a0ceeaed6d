"""What is done beforehand, so that each run and each session begins sooner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from yt_dlp import YoutubeDL

from tests.site import MediaSite
from vidra.media.addresses import NetworkPolicy
from vidra.media.foreign import Foreign
from vidra.media.instance import Instance
from vidra.media.interruption import Interrupter


def _extractors(**params: object) -> list[str]:
    ours = Instance(params, network=NetworkPolicy(), interrupter=Interrupter())
    names = list(ours._ies)
    ours.close()
    return names


def test_a_session_asks_the_extractors_in_yt_dlps_own_order() -> None:
    """The order that is worked out once is the one yt-dlp works out each time."""
    plain: Foreign = YoutubeDL({"quiet": True})
    theirs = list(plain._ies)
    plain.close()

    assert _extractors() == theirs


def test_chosen_extractors_are_still_the_only_ones() -> None:
    """`allowed_extractors` is not lost by the short cut."""
    assert _extractors(allowed_extractors=["generic"]) == ["Generic"]


_FIRST_PAGE = """
import re, sys
from pathlib import Path
from tests.media.studio import options
from vidra.media.addresses import NetworkPolicy
from vidra.media.session import MediaSession
from vidra.media.warm import warm_up
warm_up()
made, compiled = re._compiler.compile, []
re._compiler.compile = lambda pattern, flags=0: compiled.append(pattern) or made(pattern, flags)
network, library = NetworkPolicy(allow_private=True), Path(sys.argv[2])
with MediaSession(options=options(), network=network, library=library) as session:
    session.extract(sys.argv[1])
print(len(compiled))
"""


def test_the_first_page_of_a_run_finds_its_patterns_compiled(media_site: MediaSite, tmp_path: Path) -> None:
    """Cold it compiles 330 of them, half a second; and warming up prints nothing, as the nursery must not."""
    command = [sys.executable, "-c", _FIRST_PAGE, media_site.url("/pictured/1.html"), str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True)

    assert int(done.stdout) < 100


_WEIGHED = """
import sys
from vidra.media.extractors import asked_about, page_marks, worked_out_page_marks
from vidra.media.warm import warm_up
warm_up()
modules = sum(name.startswith("yt_dlp.extractor.") for name in sys.modules)
few, same = modules < 200, page_marks() == worked_out_page_marks()
print(few, same, "Streamable" in asked_about("https://streamable.com/e/abc"))
"""


def test_warming_up_imports_the_extractors_every_page_needs_only() -> None:
    """Of a thousand modules; what the others look for in a page is known all the same."""
    done = subprocess.run([sys.executable, "-c", _WEIGHED], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "True"]

"""What is done beforehand, so that each run and each session begins sooner."""

from __future__ import annotations

from yt_dlp import YoutubeDL

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

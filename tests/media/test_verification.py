"""What counts as a sound file."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.site import MediaSite
from vidra.errors import VerificationFailed
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.verification import check_arrival, check_media


def remuxed(site: MediaSite, target: Path, *arguments: str) -> Path:
    """Return the first clip in another container."""
    ffmpeg = str(find_ffmpeg())
    source = str(site.file("m/vid001.mp4"))
    subprocess.run([ffmpeg, "-v", "error", "-y", "-i", source, *arguments, str(target)], check=True)
    return target


FORMS = {
    "mkv": ("-c", "copy"),
    "webm": ("-c:v", "libvpx", "-b:v", "100k", "-deadline", "realtime", "-c:a", "libopus"),
    "ts": ("-c", "copy"),
    "mp3": ("-vn", "-c:a", "libmp3lame"),
    "m4a": ("-vn", "-c", "copy"),
    "opus": ("-vn", "-c:a", "libopus"),
    "flac": ("-vn", "-c:a", "flac"),
    "mov": ("-c", "copy"),
    "avi": ("-c", "copy"),
    "frag.mp4": ("-c", "copy", "-movflags", "frag_keyframe+empty_moov"),
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_whole_file_passes(media_site: MediaSite, tmp_path: Path, form: str) -> None:
    """Duration and kinds of stream are read from every container."""
    path = remuxed(media_site, tmp_path / f"clip.{form}", *FORMS[form])
    contents = check_media(path, duration=6.0, wants_video=None, ffmpeg=find_ffmpeg())
    assert contents.duration is None or contents.duration == pytest.approx(6.0, abs=0.3)
    assert contents.has_audio
    assert contents.has_video == (form not in {"mp3", "m4a", "opus", "flac"})


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_file_cut_in_half_fails(media_site: MediaSite, tmp_path: Path, form: str) -> None:
    """By its own structure or by its length, in every container."""
    path = remuxed(media_site, tmp_path / f"clip.{form}", *FORMS[form])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VerificationFailed):
        check_media(path, duration=6.0, wants_video=None, ffmpeg=find_ffmpeg())


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html><p>Sign in", b"\n <html lang=en>", b"not media at all" * 100]
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mp3"])
def test_what_is_no_media_fails(tmp_path: Path, content: bytes, suffix: str) -> None:
    """Nothing, web pages and noise, under any name."""
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    with pytest.raises(VerificationFailed):
        check_media(path, duration=None, wants_video=None, ffmpeg=find_ffmpeg())


def test_a_file_shorter_than_announced_fails(media_site: MediaSite) -> None:
    """A sound file of the wrong length is the wrong file."""
    with pytest.raises(VerificationFailed, match=r"60\.0 s were announced, 6\.0 s arrived"):
        check_media(media_site.file("m/vid001.mp4"), duration=60.0, wants_video=None, ffmpeg=None)


def test_sound_alone_is_no_video(media_site: MediaSite, tmp_path: Path) -> None:
    """Where a picture was chosen, one must be there."""
    path = remuxed(media_site, tmp_path / "clip.mp4", "-vn", "-c", "copy")
    with pytest.raises(VerificationFailed, match="no picture"):
        check_media(path, duration=None, wants_video=True, ffmpeg=None)


def test_fewer_bytes_than_announced_fail(media_site: MediaSite) -> None:
    """When only the page knows the size."""
    path = media_site.file("m/vid001.mp3")
    with pytest.raises(VerificationFailed, match="were announced"):
        check_arrival(path, announced=path.stat().st_size + 1)


def test_an_mp4_costs_no_process(media_site: MediaSite) -> None:
    """Without ffmpeg at all, and in less than 20 ms of CPU even for 24 MB."""
    began = time.process_time()
    contents = check_media(media_site.file("m/big.mp4"), duration=12, wants_video=True, ffmpeg=None)
    assert time.process_time() - began < 0.02
    assert contents.has_video


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3\x84"]))
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_no_bytes_crash_the_readers(tmp_path: Path, suffix: str, body: bytes, head: bytes) -> None:
    """Hostile containers fail verification; they raise nothing else."""
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(head + body)
    with pytest.raises(VerificationFailed):
        check_media(path, duration=None, wants_video=None, ffmpeg=None)

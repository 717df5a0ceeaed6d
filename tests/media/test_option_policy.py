"""Which options get in: the allow-list, its refusals, and who may use what."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yt_dlp import YoutubeDL

from vidra.errors import OptionRefused
from vidra.media.options import (
    NAMES,
    OPTIONS,
    Access,
    MediaOptions,
    OptionLayer,
    Origin,
    check_options,
    resolve_options,
)
from vidra.media.options.reference import options_reference

CLIENT_KEYS = """
    audio_language video_resolution video_subtitles ignore_errors abort_on_error use_extractors flat_playlist
    live_from_start wait_for_video mark_watched proxy socket_timeout source_address impersonate force_ipv4
    force_ipv6 enable_file_urls geo_verification_proxy xff prefer_insecure add_headers cookies
    cookies_from_browser username password twofactor video_password video_multistreams audio_multistreams
    merge_output_format audio_format extract_audio audio_quality remux_video embed_subs embed_thumbnail
    embed_metadata embed_chapters embed_info_json format xattrs fixup ffmpeg_location convert_thumbnails
    write_subs write_auto_subs sub_format sub_langs output paths download_archive playlist playlist_items
    concurrent_fragments break_on_existing skip_playlist_after_errors retries fragment_retries
    file_access_retries extractor_retries abort_on_unavailable_fragments keep_fragments batch_file
    force_overwrites write_thumbnail sponsorblock_mark sponsorblock_remove limit_rate
""".split()  # noqa: SIM905 - a list of 68 lines reads worse

CLIENT_DEFAULTS: dict[str, Any] = {
    "audio_language": "best", "video_resolution": "best", "video_subtitles": "none", "ignore_errors": True,
    "abort_on_error": False, "use_extractors": "all", "live_from_start": True, "wait_for_video": False,
    "proxy": "", "socket_timeout": 15, "source_address": "", "impersonate": False, "force_ipv4": False,
    "force_ipv6": False, "enable_file_urls": False, "geo_verification_proxy": "", "xff": "",
    "prefer_insecure": False, "add_headers": {}, "cookies": False, "cookies_from_browser": False,
    "username": "", "password": "", "twofactor": "", "video_password": "", "video_multistreams": True,
    "audio_multistreams": True, "merge_output_format": "mkv", "audio_format": "best", "extract_audio": False,
    "audio_quality": 0, "remux_video": False, "embed_subs": True, "embed_thumbnail": True,
    "embed_metadata": True, "embed_chapters": True, "embed_info_json": True, "xattrs": False,
    "format": "bestvideo+bestaudio/best", "fixup": "force", "ffmpeg_location": "/opt/vidra/bin/ffmpeg",
    "convert_thumbnails": "webp", "write_subs": False, "write_auto_subs": False, "sub_format": "srt",
    "sub_langs": [], "output": "%(title)s-%(artist)s[%(id)s].%(ext)s", "paths": {"home": "/srv/media"},
    "playlist": False, "concurrent_fragments": 1, "break_on_existing": False,
    "skip_playlist_after_errors": False, "retries": 10, "fragment_retries": 10, "file_access_retries": 5,
    "extractor_retries": 3, "abort_on_unavailable_fragments": False, "keep_fragments": False,
    "batch_file": False, "force_overwrites": True, "write_thumbnail": False, "limit_rate": "",
    "sponsorblock_mark": [
        "sponsor", "intro", "outro", "selfpromo", "preview", "filler", "interaction", "music_offtopic",
        "hook", "poi_highlight", "chapter",
    ],
    "sponsorblock_remove": [],
}  # fmt: skip


def documented_keys() -> list[str]:
    """Return every parameter that the documentation of `YoutubeDL` names."""
    documentation = inspect.cleandoc(YoutubeDL.__doc__ or "").partition("Available options:")[2]
    listed = re.findall(r"(?m)^([a-z_]+)(?::| {6})", documentation)
    downloader = re.search(r"(?s)common\.py\):\n(.*?)\.\n", documentation)
    assert downloader is not None
    return sorted({*listed, *re.findall(r"[a-z_]+", downloader[1])})


def job(values: dict[str, Any], **more: Any) -> MediaOptions:
    """Resolve the options of a job alone."""
    return resolve_options(OptionLayer(origin=Origin.JOB, values=values), **more)


def is_closed(key: str) -> bool:
    """Tell whether a job may not use the key."""
    return key not in NAMES or NAMES[key].access in (Access.NEVER, Access.OWNER)


def test_every_documented_key_outside_the_list_is_refused() -> None:
    """SEC-11: 100 % of yt-dlp's parameters that have no open row are refused, whatever they hold."""
    keys = documented_keys()
    closed = [key for key in keys if is_closed(key)]
    assert len(keys) > 140
    assert len(closed) > 50
    for key in closed:
        for value in (True, 1, "x", ["x"], {"x": "y"}, print):
            with pytest.raises(OptionRefused):
                check_options({key: value})


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from([key for key in documented_keys() if is_closed(key)]),
    value=st.one_of(st.text(min_size=1), st.integers(), st.lists(st.text(), min_size=1), st.just(True)),
    spelling=st.sampled_from([str, lambda key: key.replace("_", "-"), lambda key: f"--{key}", str.upper]),
)
def test_no_spelling_or_value_opens_a_closed_key(key: str, value: object, spelling: Any) -> None:
    """SEC-11: neither hyphens, capitals nor any value get a closed key in."""
    with pytest.raises(OptionRefused):
        check_options({spelling(key): value})


@settings(max_examples=200, deadline=None)
@given(key=st.text(min_size=1, max_size=30), value=st.integers(min_value=1))
def test_a_key_nobody_knows_is_refused(key: str, value: int) -> None:
    """SEC-11: default deny; what has no row does not get in."""
    if key not in NAMES and key.strip().lstrip("-").replace("-", "_").lower() not in {
        *NAMES,
        "cli",
        "cli_args",
    }:
        with pytest.raises(OptionRefused):
            check_options({key: value})


def test_every_parameter_that_comes_out_is_one_yt_dlp_knows() -> None:
    """A mapping to a parameter that yt-dlp does not have would be silently without effect."""
    known = {
        *documented_keys(),
        "skip_unavailable_fragments",
        "keep_fragments",
        "twofactor",
        "write_all_thumbnails",
    }
    known |= {"geo_bypass_country", "throttledratelimit", "file_access_retries"}
    made = set(job({key: value for key, value in CLIENT_DEFAULTS.items() if key != "paths"}).ydl_params)
    direct = {row.param for row in OPTIONS.values() if row.param}
    assert (made | direct) - known == set()


def test_the_whole_client_contract_is_known() -> None:
    """Each of the 68 keys has a row under its own name."""
    assert len(CLIENT_KEYS) == 68
    assert set(CLIENT_KEYS) - set(OPTIONS) == set()


def test_what_the_client_always_sends_is_accepted() -> None:
    """All 68 keys at their defaults pass; the one left unused says so."""
    options = job(CLIENT_DEFAULTS, roots=[Path("/srv/media")])
    assert options.home == Path("/srv/media")
    assert [note for note in options.notes if "ffmpeg_location" not in note] == []
    assert options.ydl_params["format"] == "bestvideo+bestaudio/best"
    assert options.ydl_params["skip_unavailable_fragments"] is False


@pytest.mark.parametrize("key", sorted(name for name, row in NAMES.items() if row.access is Access.NEVER))
@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_a_closed_key_that_asks_for_nothing_is_fine(key: str, value: object) -> None:
    """Clients send `batch_file: false`; that is no request."""
    assert check_options({key: value}) == ()


DANGEROUS = """
    exec exec_before_download exec_cmd postprocessors netrc_cmd usenetrc netrc_location external_downloader
    external_downloader_args writelink writeurllink writewebloclink writedesktoplink plugin_dirs
    remote_components enable_file_urls batch_file config_location load_info_filename print_to_file impersonate
    cachedir download_archive compat_opts
""".split()  # noqa: SIM905 - a list of forty lines reads worse


@pytest.mark.parametrize("key", DANGEROUS)
def test_nobody_can_open_what_runs_programs_or_reads_files(key: str) -> None:
    """SEC-02, SEC-05 to SEC-08: refused to jobs, to the owner's YAML and in `allow_options` alike."""
    for origin in Origin:
        with pytest.raises(OptionRefused):
            resolve_options(OptionLayer(origin=origin, values={key: "x"}))
    with pytest.raises(OptionRefused, match="nobody can allow it"):
        resolve_options(allow=[key])


def test_checking_runs_no_program_and_loads_no_plug_in(tmp_path: Path) -> None:
    """SEC-02, SEC-05: counted by the interpreter's audit events in a process of its own."""
    plugin = tmp_path / "yt-dlp" / "plugins" / "evil" / "yt_dlp_plugins" / "extractor" / "evil.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"open({str(tmp_path / 'loaded')!r}, 'w').close()\n")
    script = """
import sys, yt_dlp  # importing it looks for system libraries with ldconfig
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event in
    ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect") else None)
from vidra.errors import OptionRefused
from vidra.media.options import NAMES, check_options
refused = 0
for name in NAMES:
    try:
        check_options({name: "touch /tmp/x", "format": "bv+ba", "output": "%(title)s", "cli": "--embed-subs"})
    except OptionRefused:
        refused += 1
from vidra.media.grammar import grammar
grammar()
print(refused, seen)
"""
    home = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=home, check=True
    )
    refused, _, seen = done.stdout.strip().partition(" ")
    assert int(refused) > 100
    assert seen == "[]"
    assert not (tmp_path / "loaded").exists()


def test_the_planted_plug_in_would_load_without_us(tmp_path: Path) -> None:
    """The counterpart of the test above: stock yt-dlp does load it."""
    plugin = tmp_path / "yt-dlp" / "plugins" / "evil" / "yt_dlp_plugins" / "extractor" / "evil.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"open({str(tmp_path / 'loaded')!r}, 'w').close()\n")
    script = "from yt_dlp import YoutubeDL; YoutubeDL({'quiet': True}, auto_init=False)"
    home = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", script], env=home, check=True)
    assert (tmp_path / "loaded").exists()


OWNERS = sorted(name for name, row in OPTIONS.items() if row.access is Access.OWNER)
EXAMPLES: dict[str, Any] = {
    "proxy": "http://10.0.0.1:3128", "geo_verification_proxy": "socks5://10.0.0.1:1080",
    "source_address": "192.0.2.1", "cookies": "/home/me/cookies.txt", "cookies_from_browser": "firefox",
    "client_certificate": "/c.pem", "client_certificate_key": "/k.pem",
    "client_certificate_password": "pw-pw",
    "no_check_certificates": True, "legacy_server_connect": True, "prefer_insecure": True,
    "extractor_args": {"youtube": {"skip": ["dash"]}}, "postprocessor_args": {"default": ["-v"]},
    "js_runtimes": {"deno": {}}, "sponsorblock_api": "https://sponsor.example",
}  # fmt: skip


@pytest.mark.parametrize("name", OWNERS)
def test_an_owners_option_is_open_to_the_owner_only(name: str) -> None:
    """Jobs are refused with the way out; the owner's YAML may; `allow_options` opens it for jobs."""
    value = EXAMPLES[name]
    with pytest.raises(OptionRefused, match=rf"allow_options: \[{name}\]"):
        job({name: value})
    assert name in resolve_options(OptionLayer(origin=Origin.OWNER, values={name: value})).values
    assert name in job({name: value}, allow=[name]).values


def test_a_job_cannot_weaken_what_the_owner_set() -> None:
    """A hole in a video is a failure: the client's constant `false` does not change that."""
    weak = {"abort_on_unavailable_fragments": False}
    assert job(weak).ydl_params["skip_unavailable_fragments"] is False
    owners = resolve_options(OptionLayer(origin=Origin.OWNER, values=weak))
    assert owners.ydl_params["skip_unavailable_fragments"] is True


def test_later_layers_win_name_by_name() -> None:
    """Preset, then owner, then job; under any of an option's names."""
    merged = resolve_options(
        OptionLayer(origin=Origin.PRESET, values={"embed_subs": True, "retries": 1, "limit_rate": "1M"}),
        OptionLayer(origin=Origin.OWNER, values={"ratelimit": "2M", "retries": 2}),
        OptionLayer(origin=Origin.JOB, values={"retries": 3}),
    )
    assert (merged.ydl_params["retries"], merged.ydl_params["ratelimit"]) == (3, 2 * 1024**2)
    assert merged.values["embed_subs"] is True


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"retries": -1}, r"`retries` refused: expected a whole number from 0 to 1000 or `infinite`, got -1"),
        ({"embed_sub": True}, r"got True \(did you mean `embed_subs`\?\)"),
        ({"merge_output_format": "exe"}, "expected one of avi, flv, mkv, mov, mp4, webm"),
        ({"format": "[[("}, "not a format selection"),
        ({"match_filter": "(("}, "Invalid filter part"),
        ({"output": "%(title"}, "not an output template"),
        ({"cookies": "/etc/passwd"}, "reads files of this machine"),
        ({"paths": {"home": "/etc"}}, "expected a folder inside .* got '/etc'"),
    ],
)
def test_a_refusal_names_key_value_what_is_accepted_and_a_way_out(values: dict[str, Any], says: str) -> None:
    """Rule 14: a person can mend the option from the message alone."""
    with pytest.raises(OptionRefused, match=says):
        job(values, roots=[Path("/srv/media")])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("audio_format", "exe"), ("audio_quality", 11), ("audio_quality", "0 -i x"),
        ("remux_video", "mp4;ls"),
        ("convert_thumbnails", "svg"), ("concurrent_fragments", 0), ("concurrent_fragments", 65),
        ("socket_timeout", 0), ("socket_timeout", "x"), ("embed_subs", "perhaps"), ("embed_subs", 2),
        ("limit_rate", "fast"), ("limit_rate", "-5"), ("limit_rate", "0"), ("sub_langs", [1]),
        ("sub_langs", "en;ls"), ("add_headers", {"Cookie": "a=b"}), ("add_headers", {"X": "a\r\nY: b"}),
        ("add_headers", {"Host": "x"}), ("add_headers", {"AUTHORIZATION": "x"}),
        ("add_headers", {"Ytdl-request-proxy": "x"}),
        ("add_headers", {"Proxy-Authorization": "x"}), ("add_headers", ["x"]), ("referer", "file:///x"),
        ("playlist_items", 3.5), ("playlist_items", "1-3;4"), ("playlist_items", ","), ("xff", "nonsense"),
        ("sponsorblock_remove", ["poi_highlight"]), ("sponsorblock_mark", ["ads"]), ("date", "20269999"),
        ("video_resolution", 100), ("video_resolution", "tall"), ("paths", "x"), ("paths", {"home": 1}),
        ("wait_for_video", -1), ("username", "a\nb"), ("format", "a\x00b"), ("format", "x" * 2000),
        ("format", {}.get),
        ("retries", True), ("output", {"default": "a", "thumbnail": "b"}), ("format_sort", ["; ls"]),
        ("fixup", "maybe"), ("sub_format", "../x"), ("cli", "--audio-format exe"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(key: str, value: object) -> None:
    """Types and bounds hold; nothing is passed on to see what happens."""
    with pytest.raises(OptionRefused):
        job({key: value})


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(
        ["audio_format", "audio_quality", "remux_video", "recode_video", "merge_output_format"]
    ),
    value=st.one_of(st.text(), st.text(alphabet="mp4webkv123/>; -$`\n")),
)  # fmt: skip
def test_what_reaches_ffmpeg_is_a_plain_word(key: str, value: str) -> None:
    """SEC-16: every accepted value that becomes an argument of a program matches a narrow pattern."""
    try:
        plain = job({key: value}).values.get(key)
    except OptionRefused:
        return
    assert plain is None or re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9>/.]*", str(plain))


def test_secrets_do_not_show() -> None:
    """Neither the echo of the options nor a refusal contains a password."""
    options = job({"password": "hunter22", "username": "me", "add_headers": {"X-Key": "hunter22"}})
    assert "hunter22" not in str(options.to_json())
    assert options.ydl_params["password"] == "hunter22"
    for wrong in ({"passwrd": "hunter22"}, {"password": "hunter22\x00"}, {"proxy": "http://me:hunter22@x"}):
        with pytest.raises(OptionRefused) as caught:
            job(wrong)
        assert "hunter22" not in f"{caught.value} {caught.value.value}"


def test_an_unknown_key_that_asks_for_nothing_is_noted() -> None:
    """A newer client may know more options than we do."""
    assert check_options({"option_of_tomorrow": False}) == (
        "option `option_of_tomorrow` is unknown and was left unused",
    )


def test_names_are_unique() -> None:
    """No name belongs to two rows: the second would silently win."""
    counted = [name for row in OPTIONS.values() for name in (row.name, *row.also, *row.inverse)]
    assert sorted(counted) == sorted(set(counted))
    assert len(OPTIONS) == len({row.name for row in OPTIONS.values()})


def test_the_reference_page_is_up_to_date() -> None:
    """docs/options.md is generated; run `python -m tests.media.test_option_policy` to write it anew."""
    page = Path(__file__).parents[2] / "docs" / "options.md"
    assert page.read_text(encoding="utf-8") == options_reference()


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "options.md").write_text(options_reference(), encoding="utf-8")

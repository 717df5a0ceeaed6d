"""What the options mean to yt-dlp: selections, post-processors, subtitles, lists, targets, presets, flags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from yt_dlp import YoutubeDL

from vidra.datafiles import shipped
from vidra.errors import ConfigError, OptionRefused
from vidra.media import options as room
from vidra.media.options import (
    SAFE_PARAMS,
    MediaOptions,
    OptionLayer,
    Origin,
    find_preset,
    load_presets,
    resolve_options,
)

PRESETS = load_presets(shipped("config") / "presets")


def job(**values: Any) -> MediaOptions:
    """Resolve the options of a job alone, with one root."""
    return resolve_options(OptionLayer(origin=Origin.JOB, values=values), roots=[Path("/srv/media")])


def steps(options: MediaOptions) -> list[str]:
    """Return the names of the post-processors in order."""
    return [step["key"] for step in options.ydl_params["postprocessors"]]


def step(options: MediaOptions, key: str) -> Mapping[str, Any]:
    """Return one post-processor's settings."""
    return next(found for found in options.ydl_params["postprocessors"] if found["key"] == key)


@pytest.mark.parametrize(
    ("values", "selection"),
    [
        ({"format": "a/b"}, "a/b"),
        ({"audio_language": "best", "video_resolution": "best", "format": "bv+ba/b"}, "bv+ba/b"),
        ({"audio_language": False, "video_resolution": True, "format": "b"}, "b"),
        (
            {"video_resolution": "720", "format": "bv+ba/b"},
            "bestvideo[height<=720]+bestaudio/best[height<=720]/bv+ba/b",
        ),
        (
            {"audio_language": "en", "format": "bv+ba/b"},
            "bestvideo+bestaudio[language^=en]/bestvideo+bestaudio/best[language^=en]/bv+ba/b",
        ),
        ({"audio_language": "none", "format": "b"}, "bestvideo/b"),
        ({"audio_language": "all", "format": "b"}, "bestvideo+mergeall[vcodec=none]/bestvideo+bestaudio/b"),
        ({"extract_audio": True, "format": "bestvideo+bestaudio/best"}, "bestaudio/best[acodec!=?none]"),
        ({"extract_audio": True, "format": "bestaudio/best"}, "bestaudio/best[acodec!=?none]"),
        ({"extract_audio": True, "format": "ba[ext=m4a]/b"}, "ba[ext=m4a]/bestaudio/best[acodec!=?none]"),
        (
            {"extract_audio": True, "audio_language": ["en"]},
            "bestaudio[language^=en]/bestaudio/best[acodec!=?none]",
        ),
        ({"video_resolution": "none"}, "bestaudio/best[acodec!=?none]"),
    ],
)
def test_wishes_come_first_and_the_format_is_the_fall_back(values: dict[str, Any], selection: str) -> None:
    """Section 5 of the client contract; a plain code is one language, not its letters."""
    params = job(**values).ydl_params
    assert params["format"] == selection
    make: Any = YoutubeDL
    assert make({"quiet": True}, auto_init=False).build_format_selector(selection)


def test_several_languages_become_several_tracks() -> None:
    """Together if the site has them all, then one by one; one track only without multi-streams."""
    both = job(audio_language=["en", "de"]).ydl_params["format"]
    one = job(audio_language="en,de", audio_multistreams=False).ydl_params["format"]
    assert both.startswith("bestvideo+bestaudio[language^=en]+bestaudio[language^=de]/")
    assert one.startswith("bestvideo+bestaudio[language^=en]/bestvideo+bestaudio[language^=de]/")


@pytest.mark.parametrize(
    ("values", "languages"),
    [
        ({"video_subtitles": "en"}, ["en.*"]),
        ({"video_subtitles": ["en", "pt-BR"]}, ["en.*", "pt-BR.*"]),
        ({"video_subtitles": "all"}, ["all"]),
        ({"video_subtitles": "none", "sub_langs": ["de"]}, ["de"]),
        ({"video_subtitles": "es", "sub_langs": "de,fr"}, ["es.*", "de", "fr"]),
    ],
)
def test_subtitle_languages_become_patterns(values: dict[str, Any], languages: list[str]) -> None:
    """A plain code counts (the reference back end ignores it), and `sub_langs` adds to it."""
    params = job(**values, embed_subs=True).ydl_params
    assert params["subtitleslangs"] == languages
    assert params["writesubtitles"] is True


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"video_subtitles": "none", "embed_subs": True},
        {"video_subtitles": "en", "embed_subs": True, "extract_audio": True},
    ],
)
def test_subtitles_stay_away_when_not_wanted(values: dict[str, Any]) -> None:
    """Asked for none, or sound only: nothing is fetched and nothing embedded."""
    options = job(**values)
    assert options.ydl_params["writesubtitles"] is False
    assert "FFmpegEmbedSubtitle" not in steps(options)


def test_written_subtitles_get_the_wanted_format() -> None:
    """`sub_format` is a preference for embedding and a promise for files."""
    assert step(job(write_subs=True, sub_format="srt"), "FFmpegSubtitlesConvertor")["format"] == "srt"
    assert "FFmpegSubtitlesConvertor" not in steps(job(embed_subs=True, sub_format="srt"))
    assert job(embed_subs=True, sub_format="srt").ydl_params["subtitlesformat"] == "srt/best"


def test_post_processors_run_in_yt_dlps_order() -> None:
    """Subtitles before chapters are cut, metadata after the container is final, the cover last."""
    options = job(
        embed_subs=True, embed_metadata=True, embed_thumbnail=True, embed_chapters=True,
        remux_video="mkv",
        sponsorblock_mark=["all"], sponsorblock_remove=["sponsor"], convert_thumbnails="jpg", xattrs=True,
    )  # fmt: skip
    assert steps(options) == [
        "SponsorBlock", "FFmpegThumbnailsConvertor", "FFmpegVideoRemuxer", "FFmpegEmbedSubtitle",
        "ModifyChapters", "FFmpegMetadata", "EmbedThumbnail", "XAttrMetadata",
    ]  # fmt: skip
    assert step(options, "ModifyChapters")["remove_sponsor_segments"] == ["sponsor"]
    assert len(step(options, "SponsorBlock")["categories"]) == 11


def test_a_sound_file_is_extracted_in_the_wanted_codec() -> None:
    """`audio_format` and `audio_quality` go to the extraction; remuxing does not apply."""
    options = job(extract_audio=True, audio_format="mp3", audio_quality=0, remux_video="mp4")
    wanted = {"key": "FFmpegExtractAudio", "preferredcodec": "mp3", "preferredquality": "0"}
    assert options.is_audio
    assert options.ydl_params["postprocessors"] == [wanted]


def test_a_cover_that_cannot_be_embedded_is_left_out_with_a_note() -> None:
    """A webm or wav file holds no cover; that must not fail the download."""
    for values in ({"remux_video": "webm"}, {"extract_audio": True, "audio_format": "wav"}):
        options = job(embed_thumbnail=True, **values)
        assert "EmbedThumbnail" not in steps(options)
        assert "cannot hold a thumbnail" in options.notes[-1]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_yt_dlp_takes_the_parameters_of_every_preset(name: str) -> None:
    """The parameters make a working `YoutubeDL` whose post-processors exist."""
    options = resolve_options(PRESETS[name].layer)
    make: Any = YoutubeDL
    with make({**options.ydl_params, "quiet": True}) as ydl:
        assert sum(map(len, ydl._pps.values())) == len(steps(options))


def test_safe_defaults_hold_when_nothing_is_said() -> None:
    """Holes fail, waiting ends, no code is fetched, no program downloads, no file is read."""
    params = job().ydl_params
    assert {name: params[name] for name in SAFE_PARAMS} == dict(SAFE_PARAMS)
    assert params["skip_unavailable_fragments"] is False
    assert 0 < params["socket_timeout"] <= 60
    assert params["remote_components"] == ()
    assert params["external_downloader"] == {"default": "native"}


def test_infinite_retries_end_some_day() -> None:
    """An unattended job must not try for ever."""
    assert job(retries="infinite", fragment_retries="inf").ydl_params["retries"] == 1000


@pytest.mark.parametrize(
    ("values", "items"),
    [
        ({"playlist_items": "1-3, 7"}, "1-3,7"),
        ({"playlist_items": "-5::2"}, "-5::2"),
        ({"playlist_start": 3}, "3:"),
        ({"playlist_end": 9}, "1:9"),
        ({"playlist_start": 3, "playlist_end": 9}, "3:9"),
        ({"playlistStart": 3, "playlistItems": "8"}, "8"),
        ({"playlist_items": ""}, None),
    ],
)
def test_places_in_a_list(values: dict[str, Any], items: str | None) -> None:
    """Start and end work too, which the reference back end ignores; camelCase is understood."""
    options = job(**values)
    assert options.playlist_items == items
    assert options.ydl_params.get("playlist_items") == items


def test_list_decisions_are_ours_not_yt_dlps() -> None:
    """What concerns entries among each other is told to the caller; yt-dlp sees one entry at a time."""
    options = job(abort_on_error=True, break_on_existing=True, skip_playlist_after_errors=3, noplaylist=True)
    assert (options.stop_on_error, options.break_on_existing, options.skip_after_errors) == (True, True, 3)
    assert options.playlist is False
    assert not {"break_on_existing", "skip_playlist_after_errors", "overwrites"} & set(options.ydl_params)
    assert job(nooverwrites=True).overwrite is False
    assert job(overwrites=True).overwrite is True


def test_the_family_of_addresses_can_be_chosen_but_not_both() -> None:
    """IPv4 or IPv6 only."""
    assert job(force_ipv4=True).ydl_params["source_address"] == "0.0.0.0"
    assert job(force_ipv6=True).ydl_params["source_address"] == "::"
    with pytest.raises(OptionRefused, match="choose one"):
        job(force_ipv4=True, force_ipv6=True)


def test_headers_browser_and_country() -> None:
    """Composed parameters keep their parts."""
    params = job(
        user_agent="UA/1", referer="https://a.example/", add_headers={"X-A": "b"}, xff="DE"
    ).ydl_params
    assert params["http_headers"] == {"User-Agent": "UA/1", "Referer": "https://a.example/", "X-A": "b"}
    assert (params["geo_bypass"], params["geo_bypass_country"]) == (True, "DE")


def test_dates_and_filters_become_yt_dlps() -> None:
    """A date range and a filter function."""
    options = job(dateafter="20240101", datebefore="20241231", match_filter=["duration > 60"])
    assert "20240615" in options.ydl_params["daterange"]
    assert "20250101" not in options.ydl_params["daterange"]
    assert options.ydl_params["match_filter"]({"duration": 30, "title": "x"}, incomplete=False)
    assert options.ydl_params["match_filter"]({"duration": 90, "title": "x"}, incomplete=False) is None


def test_a_target_folder_stays_inside_a_root(tmp_path: Path) -> None:
    """Absolute inside a root, or relative below the library; links out are found."""
    library, more = tmp_path / "library", tmp_path / "more"
    library.mkdir()
    (library / "out").symlink_to(tmp_path)

    def home(folder: str) -> Path | None:
        layer = OptionLayer(origin=Origin.JOB, values={"paths": {"home": folder}})
        return resolve_options(layer, roots=[library, more]).home

    assert home(str(more / "a")) == more / "a"
    assert home(str(library)) == library
    assert home("series") == library / "series"
    for bad in ("/etc", "../x", str(library / "out" / "x"), str(tmp_path), "out/x"):
        with pytest.raises(OptionRefused, match=r"downloads\.roots"):
            home(bad)


def test_all_twelve_kinds_of_paths_are_accepted_and_one_counts() -> None:
    """The client may send every kind; a download's files lie together, and a note says so."""
    kinds = "temp video audio subtitle thumbnail infojson pl_thumbnail description annotation chapter sponsor"
    options = job(paths={"home": "/srv/media/x", **dict.fromkeys(kinds.split(), "/elsewhere")})
    assert options.home == Path("/srv/media/x")
    assert len(options.notes) == 11


@pytest.mark.parametrize("name", ["best-video", "best_video", "video_best", "VIDEO-BEST", " best-video "])
def test_presets_go_by_several_names(name: str) -> None:
    """Share presets of the client are aliases."""
    assert find_preset(PRESETS, name).name == "best-video"


def test_an_unknown_preset_names_those_there_are() -> None:
    """With a guess."""
    with pytest.raises(OptionRefused, match=r"archive, best-audio, best-video.*did you mean `best-video`"):
        find_preset(PRESETS, "best-vidoe")


def test_the_archive_preset_keeps_everything() -> None:
    """Best streams in Matroska, all subtitles, info JSON, thumbnail, chapters and metadata."""
    options = resolve_options(PRESETS["archive"].layer)
    params = options.ydl_params
    assert params["merge_output_format"] == "mkv"
    assert params["subtitleslangs"] == ["all"]
    assert all(
        params[name] for name in ("writeinfojson", "writethumbnail", "writesubtitles", "writedescription")
    )
    assert step(options, "FFmpegMetadata")["add_infojson"] is True
    assert options.output_template.count("/") == 2


def test_the_owners_presets_extend_and_replace() -> None:
    """`extends` merges options, an own `best-video` may build on the shipped one, flags work in presets."""
    presets = load_presets(
        shipped("config") / "presets",
        {
            "best-video": {"extends": "best-video", "options": {"retries": 2}},
            "talks": {
                "extends": "best-video",
                "options": {"cli": "-S res:720 --no-embed-subs"},
                "output": "t/%(id)s",
            },
        },
    )
    options = resolve_options(presets["talks"].layer)
    assert options.ydl_params["retries"] == 2
    assert options.ydl_params["format_sort"] == ("res:720",)
    assert "FFmpegEmbedSubtitle" not in steps(options)
    assert (options.output_template, options.ydl_params["merge_output_format"]) == ("t/%(id)s", "mkv")


@pytest.mark.parametrize(
    ("presets", "says"),
    [
        ({"a": {"extends": "archiv"}}, "presets.a.extends.*did you mean `archive`"),
        ({"a": {"extends": "b"}, "b": {"extends": "a"}}, "does not extend itself"),
        ({"a": {"extends": "a"}}, "does not extend itself"),
        ({"a": {"option": {}}}, "presets.a.option"),
    ],
)
def test_wrong_presets_are_found_with_their_place(presets: dict[str, Any], says: str) -> None:
    """Unknown parents and circles are configuration errors."""
    with pytest.raises(ConfigError, match=says):
        load_presets(shipped("config") / "presets", presets)


def test_pasted_flags_are_read_by_yt_dlps_parser() -> None:
    """A string of flags gives what the same options by name give."""
    flags = job(
        cli="-f 'bv+ba/b' -r 500K --embed-subs --sub-langs en,de -S res:720 -o '%(id)s' --no-mtime -q"
    )
    named = job(
        format="bv+ba/b", limit_rate="500K", embed_subs=True, sub_langs=["en", "de"], format_sort="res:720",
        output="%(id)s", mtime=False,
    )  # fmt: skip
    assert flags.to_json() == named.to_json()
    assert "Vidra shows progress" in flags.notes[0]


def test_a_written_flag_counts_even_if_it_is_yt_dlps_default() -> None:
    """`--no-embed-subs` overrides a preset, although it is what yt-dlp does anyway."""
    merged = resolve_options(
        PRESETS["best-video"].layer, OptionLayer(origin=Origin.JOB, values={"cli_args": ["--no-embed-subs"]})
    )
    assert merged.values["embed_subs"] is False


def test_options_by_name_win_over_flags() -> None:
    """In one layer, what is written out by name is meant more."""
    assert job(cli="--retries 3", retries=5).ydl_params["retries"] == 5
    assert job(cliArgs=["--retries", "3"]).ydl_params["retries"] == 3


def test_yt_dlps_own_aliases_work() -> None:
    """`-t mp3` is a set of flags that yt-dlp knows."""
    assert step(job(cli="-t mp3"), "FFmpegExtractAudio")["preferredcodec"] == "mp3"


@pytest.mark.parametrize(
    "flags",
    [
        "--exec ls", "--exec before_dl:ls", "--config-locations /etc",
        "--batch-file /etc/passwd", "-a -",
        "--netrc-cmd ls", "-n", "--downloader aria2c", "--plugin-dirs /tmp", "--load-info-json x",
        "--write-link", "--cookies-from-browser firefox", "--cookies /x", "--proxy http://10.0.0.1",
        "--enable-file-urls", "--use-postprocessor Exec:ls",
        "--print-to-file x /tmp/y", "--impersonate chrome",
        "--compat-options allow-unsafe-ext", "--remote-components ejs:npm", "--ffmpeg-location", "--nonsense",
        "-h", "--version", "-U", "--rm-cache-dir", "--list-extractors", "http://a.example/",
        "-f", "--exec 'ls",
        "--alias x '--exec ls' --x", "--download-sections '*0-1'", "--no-check-certificates", "--write-pages",
        "--audio-format 'mp3;ls'", "--cache-dir /tmp", "--retries many", "--wait-for-video 1-5",
    ],
)  # fmt: skip
def test_closed_and_wrong_flags_are_refused(flags: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Flags go through the same list; nothing is printed, asked, read or ended."""
    with pytest.raises(OptionRefused):
        job(cli=flags)
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""


def test_the_room_exports_what_exists() -> None:
    """`__all__` is sorted by kind and complete."""
    assert all(hasattr(room, name) for name in room.__all__)
    assert (
        sorted(room.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
        == room.__all__
    )

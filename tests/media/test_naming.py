"""Names of downloads: whatever a page or a person says, they stay inside the root and work everywhere."""

from __future__ import annotations

import itertools
import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidra.errors import OptionRefused, PathRefused
from vidra.media.components import LONGEST_COMPONENT, check_plain_name, clean_component, cut_bytes
from vidra.media.extensions import check_library_extension, check_media_extension
from vidra.media.naming import (
    check_template,
    confined,
    make_parent,
    render_target,
    split_template,
    unique_target,
)

RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
TURNING = {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}
ROOT = Path("/srv/library")
NASTY = [
    "..", ".", "...", "../../x", "..\\..\\x", "/abs", "\\\\server\\share", "C:\\x", "~",
    "~root", "-rf", "--exec", "%(id)s", "%(title)s", "a\x00b", "\x1b[31m", "line\nbreak",
    "\u202egpj.exe", "\ufeffx", "\u2066x\u2069", "CON", "nul.txt", "com1", "LPT9.mp4", "aux ",
    "x. . .", "   ", "", "<>:\"|?*", "é" * 300, "👩‍👩‍👧‍👦" * 60, "a" * 500, "\u0301" * 400, "名"
    * 120, "مرحبا", "x\u0000/../y", "⧸..⧸", "．．／", "$(reboot)", "`id`", "{}", "%", "%(", "%%",
    "\ud800", "name.part", "name.ytdl", ".hidden", "-",
]  # fmt: skip
PIECES = [
    *NASTY,
    "/",
    "\\",
    "%(title)s",
    "%(uploader)s",
    "%(id)s",
    "%(ext)s",
    "%(upload_date>%Y/%m)s",
    ".",
    " ",
]


def assert_harmless(target: Path, root: Path) -> None:
    """Check everything a target promises."""
    assert target.is_relative_to(root)
    parts = target.relative_to(root).parts
    assert parts
    for part in parts:
        assert part not in {"", ".", ".."}
        assert len(part.encode()) <= LONGEST_COMPONENT + len(".webm")
        assert part[0] not in "-~. "
        assert part[-1] not in ". "
        assert not set(part) & set('<>:"/\\|?*')
        assert part.split(".")[0].rstrip().lower() not in RESERVED
        assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in part)
        assert not any(unicodedata.bidirectional(c) in TURNING for c in part)
    assert target.stem


def render(template: str, root: Path = ROOT, **info: object) -> str:
    """Return the target as text below the root."""
    return str(render_target(template, info, root=root, ext="mp4").relative_to(root))


def test_ten_thousand_generated_names_stay_inside() -> None:
    """SEC-10, SEC-12: templates and titles put together from nasty pieces never escape or go empty."""
    dice = random.Random(20261121)
    refused = 0
    for _ in range(10_000):
        template = "".join(dice.choices(PIECES, k=dice.randint(1, 5)))
        info = {name: dice.choice(NASTY) for name in ("title", "uploader", "id")}
        try:
            assert_harmless(render_target(template, info, root=ROOT, ext="webm"), ROOT)
        except OptionRefused:
            refused += 1  # not a template at all; refused, not repaired

    assert refused < 1_000


@settings(max_examples=300, deadline=None)
@given(template=st.text(max_size=60), title=st.text(max_size=300), identity=st.text(max_size=40))
def test_any_text_at_all_stays_inside(template: str, title: str, identity: str) -> None:
    """SEC-12: the same for texts that nobody thought of."""
    info = {"title": title, "id": identity}
    try:
        target = render_target(f"%(title)s/{template}", info, root=ROOT, ext="mp4")
    except OptionRefused:
        return
    assert_harmless(target, ROOT)


@pytest.mark.parametrize(
    "hostile", ["../../x", "..\\..\\x", "/abs", "%(id)s", "a\x00b", "..", "C:\\Windows\\x"]
)
@pytest.mark.parametrize("field", ["title", "playlist_title", "uploader", "id", "ext"])
def test_no_field_of_a_page_can_leave_its_component(field: str, hostile: str) -> None:
    """SEC-14: separators in what a page says never make a folder."""
    target = render_target(
        f"%({field})s/%({field})s [%(id)s].%(ext)s", {field: hostile}, root=ROOT, ext="mp4"
    )
    assert_harmless(target, ROOT)
    assert len(target.relative_to(ROOT).parts) == 2


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("%(title)s.%(ext)s", "T.mp4"),
        ("%(title)s", "T.mp4"),
        ("%(title)s.mp4", "T.mp4"),
        ("/abs/%(title)s.%(ext)s", "abs/T.mp4"),
        ("../../%(title)s.%(ext)s", "T.mp4"),
        ("a//./..//%(title)s", "a/T.mp4"),
        ("a\\b/%(title)s", "a/b/T.mp4"),
        ("~/%(title)s", "untitled/T.mp4"),
        ("%(uploader)s/%(title)s-%(artist)s[%(id)s].%(ext)s", "NA/T-NA[x1].mp4"),
        ("%(upload_date>%Y/%m)s/%(title)s", "2024⧸05/T.mp4"),
        ("%(title)s.%(ext)s.%(ext)s", "T.mp4.mp4"),
    ],
)
def test_templates_become_places_below_the_root(template: str, name: str) -> None:
    """Folders come from the template only; the extension is the real one."""
    info = {"title": "T", "upload_date": "20240506"}
    if "[" in template:
        info["id"] = "x1"
    assert render(template, ROOT, **info) == name


def test_a_long_title_is_cut_in_front_of_its_id() -> None:
    """Pain 16: the id, which keeps names apart, survives; no character is torn."""
    name = render("%(title)s [%(id)s].%(ext)s", title="ü" * 400, id="dQw4w9WgXcQ")
    assert name.endswith("[dQw4w9WgXcQ].mp4")
    assert LONGEST_COMPONENT - 4 <= len(name.encode()) <= LONGEST_COMPONENT + 4
    assert "\ufffd" not in name


@pytest.mark.parametrize(
    "suffix", ["-thumb.jpg", ".info.json", ".mp4.part", ".en-US.vtt", ".f137.mp4.part-Frag12345.part"]
)
def test_the_longest_name_leaves_room_for_its_sidecars(tmp_path: Path, suffix: str) -> None:
    """Pain 16: with every suffix the file system still takes the name."""
    target = make_parent(
        render_target("%(title)s", {"title": "名" * 200}, root=tmp_path, ext="mp4"), tmp_path
    )
    target.with_name(target.stem + suffix).touch()


@pytest.mark.parametrize("cluster", ["e\u0301", "👩‍👩‍👧‍👦", "👍🏽", "नि", "❤\ufe0f"])
def test_cutting_never_tears_a_visible_character(cluster: str) -> None:
    """A cut keeps base characters together with what belongs to them."""
    size = len(cluster.encode())
    for limit in range(size, 3 * size):
        assert cut_bytes(cluster * 3, limit) == cluster * (limit // size)


def test_the_extension_comes_from_a_list() -> None:
    """SEC-04: what a page calls its file decides nothing; programs and shortcuts do not enter."""
    for ext in (
        "exe",
        "sh",
        "desktop",
        "lnk",
        "url",
        "webloc",
        "html",
        "mp4/../x",
        "",
        "js",
        "mp4\x00",
        "unknown_video",
    ):
        with pytest.raises(PathRefused):
            render_target("%(title)s", {"title": "t"}, root=ROOT, ext=ext)
    assert check_media_extension(".MP4") == "mp4"


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.mkv", "mkv"),
        ("a.info.json", "info.json"),
        ("a.en-US.vtt", "vtt"),
        ("a-thumb.jpg", "jpg"),
        ("a.nfo", "nfo"),
    ],
)
def test_sidecars_of_known_kinds_enter_the_library(name: str, extension: str) -> None:
    """Subtitles, pictures and notes are welcome."""
    assert check_library_extension(name) == extension


@pytest.mark.parametrize(
    "name", ["a.exe", "a.json", "mp4", ".mp4", "a.mp4.desktop", "a", "a.url", "info.json"]
)
def test_other_files_do_not_enter_the_library(name: str) -> None:
    """SEC-04: everything else stays outside."""
    with pytest.raises(PathRefused):
        check_library_extension(name)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    """SEC-13: a planted link to another folder is not followed, nor is anything created there."""
    root, outside = tmp_path / "library", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "series").symlink_to(outside)
    with pytest.raises(PathRefused, match="a link on the way"):
        render_target("series/new/%(title)s", {"title": "x"}, root=root, ext="mp4")
    with pytest.raises(PathRefused):
        make_parent(root / "series" / "new" / "x.mp4", root)
    assert list(outside.iterdir()) == []


def test_a_link_planted_after_the_check_is_found_too(tmp_path: Path) -> None:
    """SEC-13: the check is made again when the parent exists."""
    root, outside = tmp_path / "library", tmp_path / "outside"
    outside.mkdir()
    target = render_target("series/%(title)s", {"title": "x"}, root=root, ext="mp4")
    root.mkdir()
    (root / "series").symlink_to(outside)
    with pytest.raises(PathRefused):
        make_parent(target, root)


def test_a_link_inside_the_root_is_fine(tmp_path: Path) -> None:
    """Links that stay inside are the owner's business, and a root that is a link is one too."""
    (tmp_path / "real" / "a").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "b").symlink_to(tmp_path / "real" / "a")
    target = render_target("b/%(title)s", {"title": "x"}, root=tmp_path / "root", ext="mp4")
    assert make_parent(target, tmp_path / "root") == tmp_path / "real" / "b" / "x.mp4"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "."])
def test_confining_refuses_and_never_repairs(tmp_path: Path, path: str) -> None:
    """A path that is not below the root is refused as it stands."""
    with pytest.raises(PathRefused):
        confined(tmp_path / "root" / path, tmp_path / "root")


@pytest.mark.parametrize(
    "name", ["a/b", "a\\b", "..", "", ".hidden", "-x", "x\x00", "CON", "x" * 300, "a:b", "x."]
)
def test_a_chosen_name_must_be_one_component(name: str) -> None:
    """SEC-19: a new name with separators or tricks is refused."""
    with pytest.raises(PathRefused):
        check_plain_name(name)
    assert check_plain_name("Holiday 2024 (é).mp4") == "Holiday 2024 (é).mp4"


def test_another_video_of_the_same_name_gets_its_id(tmp_path: Path) -> None:
    """Nothing is ever overwritten by a different video; then numbers follow."""
    target = tmp_path / "Title.mp4"
    assert unique_target(target, media_id="a1") == target
    target.touch()
    assert unique_target(target, media_id="b2").name == "Title [b2].mp4"
    (tmp_path / "Title [b2].mkv").touch()
    assert unique_target(target, media_id="b2").name == "Title [b2] (2).mp4"


def test_the_same_video_keeps_its_name(tmp_path: Path) -> None:
    """A file that is this very video does not count as taken."""
    (tmp_path / "Title.mp4").touch()
    target = tmp_path / "Title.mp4"
    assert unique_target(target, media_id="a1", is_same=lambda path: path == target) == target


def test_another_extension_counts_as_taken(tmp_path: Path) -> None:
    """Two videos that differ in extension only would share their sidecars."""
    (tmp_path / "Title.webm").touch()
    assert unique_target(tmp_path / "Title.mp4", media_id="b2").name == "Title [b2].mp4"


def test_unique_names_stay_within_the_limit(tmp_path: Path) -> None:
    """The longest names with the longest ids still fit."""
    target = tmp_path / f"{'x' * LONGEST_COMPONENT}.mp4"
    target.touch()
    found = unique_target(target, media_id="i" * 300)
    found.touch()
    assert len(found.stem.encode()) <= LONGEST_COMPONENT


@pytest.mark.parametrize("template", ["%(title", "%(title)z", "", "  ", "x" * 2000, "%(a)"])
def test_a_malformed_template_is_refused(template: str) -> None:
    """A person learns at once that the template is wrong."""
    with pytest.raises(OptionRefused, match="output template"):
        check_template(template)


def test_splitting_leaves_fields_alone() -> None:
    """A slash inside a field belongs to the field."""
    assert split_template("a/%(d>%Y/%m)s/%(x&({}/)|)s\\b") == ["a", "%(d>%Y/%m)s", "%(x&({}/)|)s", "b"]


def test_cleaning_twice_changes_nothing_more() -> None:
    """A cleaned name is clean."""
    for left, right in itertools.product(NASTY, repeat=2):
        once = clean_component(left + right)
        assert clean_component(once) == once

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.settings.conftest import Load, Refusals
from vidra.errors import ConfigError
from vidra.settings import Settings
from vidra.settings.loading import resolve_settings


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "downloads:\nserver:\n  port:\n", "\ufeff{}"])
def test_an_empty_file_section_or_key_is_the_default(load: Load, text: str) -> None:
    """What was commented out is unset."""
    assert load(text) == Settings()


@pytest.mark.parametrize(
    ("text", "line", "key_path"),
    [
        ("server:\n  port: 80\n  prot: 81\n", 3, "server.prot"),
        ("server:\n  port: eighty\n", 2, "server.port"),
        ("\n\nsevrer: {}\n", 3, "sevrer"),
        ("server:\n  port: 1\nserver: {}\n", 3, "server"),
        ("server:\n  port: 1\n  port: 2\n", 3, "server.port"),
        ("downloads:\n  roots:\n    - /a\n    - 5\n", 4, "downloads.roots.1"),
        ("downloads:\n  roots:\n    - /a\n    - ''\n", 4, "downloads.roots.1"),
        ("presets:\n  talks:\n    extend: x\n", 3, "presets.talks.extend"),
        ("presets:\n  talks:\n", 2, "presets.talks"),
        ("network:\n  prox:\n", 2, "network.prox"),
        ("server: 5\n", 1, "server"),
        ("server: !include other.yaml\n", 1, "server"),
        ("server:\n  host: !!python/name:os.system x\n", 2, "server.host"),
        ("server:\n  ? [a, b]\n  : c\n", 2, "server"),
    ],
)
def test_a_mistake_is_named_by_line_and_key(
    refusals: Refusals, tmp_path: Path, text: str, line: int, key_path: str
) -> None:
    """File, line and key path lead to the place."""
    (problem,) = refusals(text)
    assert (problem.source, problem.line, problem.key_path) == (str(tmp_path / "vidra.yaml"), line, key_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("server:\n  host: 'open\n", 3),
        ("server:\n\tport: 1\n", 2),
        ("a: [1, 2\nb: 3\n", 2),
        ("a: *nowhere\n", 1),
        ("---\na: 1\n---\nb: 2\n", 3),
        ("- a list\n", 1),
        ("just words", 1),
        (b"server:\n  name: \xff\n", 2),
    ],
)
def test_what_is_no_yaml_mapping_is_refused_with_its_line(
    refusals: Refusals, text: str | bytes, line: int
) -> None:
    """The parser's own complaint, with the file and the line."""
    (problem,) = refusals(text)
    assert problem.line is not None
    assert abs(problem.line - line) <= 1


def test_control_characters_and_huge_files_are_refused(refusals: Refusals) -> None:
    """Neither was written by a person."""
    assert refusals("a: \x00")
    (problem,) = refusals("# " + "x" * (1 << 20))
    assert "at most" in problem.expected


def test_aliases_of_aliases_end_early(refusals: Refusals) -> None:
    """A few lines that would unfold to a billion values are refused, not unfolded."""
    bomb = ["server: {metadata: {a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (problem,) = refusals(", ".join(bomb) + "}}")
    assert "fewer" in problem.expected


@pytest.mark.parametrize(
    "text",
    [
        "server: {metadata: &a {b: *a}}",
        "server: {metadata: &a {<<: *a}}",
        "server: {metadata: {x: &x {}, " + ", ".join(
            f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}' if n else '*x'] * 10)}]}}" for n in range(8)
        ) + "}}",
    ],
    ids=["alias-of-itself", "merge-of-itself", "merges-of-merges"],
)  # fmt: skip
def test_structures_without_end_are_refused(refusals: Refusals, text: str) -> None:
    """An anchor inside itself is a mistake, not a loop."""
    assert refusals(text)


def test_anchors_and_merges_work(load: Load) -> None:
    """`<<` gives defaults, the mapping's own keys win wherever `<<` stands."""
    text = "presets:\n  a: &a {extends: archive, description: A}\n  b: {description: B, <<: *a}\n"
    presets = load(text).presets
    assert (presets["b"].extends, presets["b"].description) == ("archive", "B")


def test_scalars_are_what_yaml_1_2_says(load: Load) -> None:
    """`no` is a word, dates are text, and null is a value below the owner's own names."""
    text = "server:\n  name: no\n  metadata: {day: 2026-01-02, none: null, on: 0o17, 8: x}\n"
    server = load(text).server
    assert server.name == "no"
    assert server.metadata == {"day": "2026-01-02", "none": None, "on": 15, "8": "x"}


def test_relative_paths_start_at_the_files_folder(load: Load, tmp_path: Path) -> None:
    """A cron job has another working directory than the person who wrote the file."""
    downloads = load("downloads: {library: media, roots: [../nas, /abs], temp_dir: ~/tmp}").downloads
    assert downloads.library == tmp_path / "media"
    assert downloads.roots == (tmp_path / "../nas", Path("/abs"))
    assert downloads.temp_dir == Path.home() / "tmp"


def test_nothing_remote_is_ever_read(load: Load) -> None:
    """A `$ref` or `include` in the owner's own data is data (API-24)."""
    text = "server: {metadata: {$ref: 'http://127.0.0.1:9/x', include: /etc/passwd}}"
    assert load(text).server.metadata == {"$ref": "http://127.0.0.1:9/x", "include": "/etc/passwd"}


def test_a_file_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    """A folder in the file's place is the same for every user, root included."""
    from vidra.settings.yaml_file import file_layer

    with pytest.raises(ConfigError, match="can be read"):
        file_layer(tmp_path)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_NAMES = st.sampled_from(["downloads", "server", "presets", "options", "port", "roots", "library", "x"])
_TREES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(_NAMES, _TREES, max_size=4))
def test_any_tree_gives_settings_or_problems(tmp_path: Path, tree: dict[str, object]) -> None:
    """Whatever stands in the file, nothing but `ConfigError` comes out."""
    file = tmp_path / "vidra.yaml"
    file.write_text(json.dumps(tree))
    with suppress(ConfigError):
        resolve_settings(config=file, environ={})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.text(alphabet="abc:-{}[]&*<!|>'\"#\n\t ,%@", max_size=60) | st.binary(max_size=40))
def test_any_bytes_give_settings_or_problems(tmp_path: Path, data: str | bytes) -> None:
    """The same for files that are hardly YAML."""
    file = tmp_path / "vidra.yaml"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    with suppress(ConfigError):
        resolve_settings(config=file, environ={})

"""Where a download goes below its root: templates rendered part by part, and never outside.

yt-dlp renders a template into one string and then cleans it, so a `..` in a template or an absolute
path leaves the folder. Here the template is split first; what a title contains can only ever become
part of one name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from vidra.errors import OptionRefused, PathRefused
from vidra.media.components import LONGEST_COMPONENT, clean_component, cut_bytes
from vidra.media.extensions import MEDIA_EXTENSIONS, check_media_extension
from vidra.media.grammar import grammar, is_plain_template

_DEEPEST = 16  # folders below the root; a template with more is an accident or an attack


def render_target(template: str, info: Mapping[str, Any], *, root: Path, ext: str) -> Path:
    """Return the absolute path below `root` where the media file of `info` belongs; creates nothing.

    `template` is a yt-dlp output template; `ext` is the real extension, whatever the template says.
    Raises OptionRefused for a malformed template, and PathRefused if the extension is not one of
    media files or an existing link on the way leads out of the root.
    """
    extension = check_media_extension(ext)
    facts = {**info, "ext": extension}
    fallback = clean_component(str(info.get("id") or ""), fallback="untitled", limit=100)
    *folders, last = [part for part in split_template(template) if part not in {"", ".", ".."}] or [""]
    if len(folders) > _DEEPEST:
        raise OptionRefused("output", f"more than {_DEEPEST} folders", value=template)
    parts = [clean_component(_render(folder, facts), fallback=fallback) for folder in folders]
    name = _file_stem(_render(_without_ext(last, extension), facts), facts, fallback)
    return confined(root.joinpath(*parts, f"{name}.{extension}"), root)


def make_parent(target: Path, root: Path) -> Path:
    """Create the folder of `target` and return `target`; PathRefused if that would be outside the root.

    Checked again after creating, when every link on the way exists.
    """
    confined(target, root).parent.mkdir(parents=True, exist_ok=True)
    return confined(target, root)


def confined(path: Path, root: Path) -> Path:
    """Return the path, absolute, if it is below the root with all links followed; PathRefused otherwise."""
    home = root.resolve()
    whole = home / path.relative_to(root) if path.is_relative_to(root) else path.absolute()
    if ".." in whole.parts or not whole.is_relative_to(home) or whole == home:
        raise PathRefused(path, root, "it is not below its root")
    if not whole.parent.resolve().is_relative_to(home):
        raise PathRefused(path, root, "a link on the way leads out of the root")
    return whole


def unique_target(target: Path, *, media_id: str, is_same: Callable[[Path], bool] = lambda _: False) -> Path:
    """Return `target`, or a sibling with ` [id]` (then ` (2)` …) if another video has that name already.

    A name counts as taken if any media file has it, whatever its extension, because sidecars would
    collide. `is_same` tells whether an existing file is this very video; then its name is returned.
    """
    for candidate in _candidates(target, media_id):
        rivals = media_named_like(candidate.parent, candidate.stem)
        if not rivals or any(is_same(rival) for rival in rivals):
            return candidate
    raise AssertionError  # pragma: no cover - the candidates never end


def split_template(template: str) -> list[str]:
    r"""Split on `/` and `\`, but not inside a field such as `%(upload_date>%Y/%m)s`."""
    parts, depth = [""], 0
    for index, char in enumerate(template):
        if char == "(" and (depth or (index and template[index - 1] == "%")):
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        if char in "/\\" and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def check_template(template: str) -> str:
    """Return the template if yt-dlp can render it; OptionRefused otherwise."""
    problem = _template_problem(template)
    if problem or "\x00" in template or len(template) > 1000:
        raise OptionRefused("output", f"not an output template: {problem or 'too long'}", value=template)
    return template


def _template_problem(template: str) -> object:
    if not template.strip():
        return "it is empty"
    return None if is_plain_template(template) else grammar().validate_outtmpl(template)


def _render(part: str, facts: Mapping[str, Any]) -> str:
    try:
        return str(grammar().evaluate_outtmpl(part, dict(facts), sanitize=True))
    except (ValueError, TypeError, KeyError) as error:
        raise OptionRefused("output", f"cannot be rendered: {error}", value=part) from error


def _without_ext(part: str, extension: str) -> str:
    return part.removesuffix(".%(ext)s").removesuffix(f".{extension}")


def _file_stem(rendered: str, facts: Mapping[str, Any], fallback: str) -> str:
    """Cut a long name in front of its `[id]`, which is what keeps it apart from others."""
    tail_at = rendered.rfind(f"[{facts.get('id')}]")
    if tail_at > 0 and len(rendered.encode()) > LONGEST_COMPONENT:
        tail = rendered[tail_at:]
        head = cut_bytes(rendered[:tail_at], max(LONGEST_COMPONENT - len(tail.encode()), 0))
        rendered = head.rstrip() + tail
    return clean_component(rendered, fallback=fallback)


def _candidates(target: Path, media_id: str) -> Iterator[Path]:
    yield target
    mark = clean_component(media_id, limit=60)
    for number in count(1):
        suffix = f" [{mark}]" if number == 1 else f" [{mark}] ({number})"
        head = cut_bytes(target.stem, LONGEST_COMPONENT - len(suffix.encode()))
        yield target.with_name(f"{head.rstrip()}{suffix}{target.suffix}")


def media_named_like(folder: Path, stem: str) -> list[Path]:
    """Return the media files, and links, of this name in the folder, whatever their extension."""
    base = f"{folder}{os.sep}{stem}."
    return [Path(base + ext) for ext in sorted(MEDIA_EXTENSIONS) if os.path.lexists(base + ext)]

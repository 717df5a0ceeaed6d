"""Reads `vidra.yaml` with the line of every key, and refuses what YAML would quietly let pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vidra.errors import ConfigError
from vidra.settings.keys import by_path, sections
from vidra.settings.layers import Layer, Origin, Place, problem

_LARGEST_FILE = 1 << 20  # bytes; a configuration a person wrote is a hundredth of this
_MOST_VALUES = 50_000  # aliases of aliases would otherwise grow without end
_DEEPEST = 32
_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_TEXT_TAGS = frozenset({_TAG + "str", _TAG + "timestamp"})
_SCALAR_TAGS = _TEXT_TAGS | {_TAG + name for name in ("null", "bool", "int", "float")}


def file_layer(path: Path) -> Layer:
    """Return what the file sets; an empty value counts as unset, relative paths start at its folder.

    Raises `ConfigError` when the file cannot be read or is no YAML at all; findings inside it are
    collected in the layer.
    """
    layer = Layer()
    root = _compose(path)
    if root is None or (isinstance(root, ScalarNode) and root.tag == _TAG + "null"):
        return layer
    if not isinstance(root, MappingNode):
        place = Place(origin=Origin.FILE, source=str(path), line=root.start_mark.line + 1)
        raise ConfigError(
            [problem(place, (), _kind(root), "expected sections such as `downloads:` at the top")]
        )
    layer.values = _Reader(path, layer).mapping(root, ())
    _anchor_paths(layer, path.absolute().parent)
    return layer


def _compose(path: Path) -> Node | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise _unreadable(path, None, f"a file of at most {_LARGEST_FILE} bytes")
        node: Node | None = YAML(typ="safe", pure=True).compose(data.decode("utf-8-sig"))
    except OSError as exc:
        raise _unreadable(path, None, f"a file that can be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise _unreadable(path, line, "text in UTF-8") from exc
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        why = ", ".join(part.strip() for part in (exc.context, exc.problem) if part)
        raise _unreadable(path, None if mark is None else mark.line + 1, f"valid YAML ({why})") from exc
    except (YAMLError, RecursionError) as exc:
        raise _unreadable(path, None, f"valid YAML ({type(exc).__name__}: {exc})") from exc
    return node


def _unreadable(path: Path, line: int | None, expected: str) -> ConfigError:
    place = Place(origin=Origin.FILE, source=str(path), line=line)
    return ConfigError([problem(place, ("(file)",), path.name, f"expected {expected}")])


def _kind(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, SequenceNode) else "a single value"


class _Reader:
    """Turns YAML nodes into plain values, noting places and problems in the layer."""

    def __init__(self, path: Path, layer: Layer) -> None:
        self._source, self._layer, self._left = str(path), layer, _MOST_VALUES
        self._merging: list[Node] = []
        self._construct: Any = YAML(typ="safe", pure=True).constructor

    def mapping(self, node: MappingNode, path: tuple[str, ...]) -> dict[str, Any]:
        """Return the mapping's values; `<<` merges come first, as YAML wants it."""
        result: dict[str, Any] = {}
        own: dict[str, Node] = {}
        for key, value in sorted(node.value, key=lambda pair: bool(pair[0].tag != _MERGE)):
            name = str(key.value) if isinstance(key, ScalarNode) else ""
            if key.tag == _MERGE:
                self._merge(value, path, result)
            elif not name:
                self._refuse(key, path, _kind(key), "expected text as the key")
            elif name in own:
                first = own[name].start_mark.line + 1
                self._refuse(key, (*path, name), name, f"the key is there twice, first in line {first}")
            else:
                own[name] = key
                self._put(result, (*path, name), key, value)
        return result

    def _merge(self, node: Node, path: tuple[str, ...], into: dict[str, Any]) -> None:
        for part in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(part, MappingNode) or part in self._merging:
                self._refuse(
                    part, path, _kind(part), "expected a mapping that does not hold itself after `<<`"
                )
                continue
            self._count(part, path)
            self._merging.append(part)
            for name, value in self.mapping(part, path).items():
                into.setdefault(name, value)
            self._merging.pop()

    def _put(self, into: dict[str, Any], path: tuple[str, ...], key: Node, node: Node) -> None:
        value = self._value(node, path)
        if value is None and (path in by_path() or (len(path) == 1 and path[0] in sections())):
            return  # a key of ours with nothing after it; below the owner's own names null is a value
        into[path[-1]] = value
        self._layer.places[path] = self._place(key)

    def _value(self, node: Node, path: tuple[str, ...]) -> object:
        self._count(node, path)
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self.mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self._item(item, (*path, str(index))) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in _SCALAR_TAGS:
            return self._scalar(node, path)
        self._refuse(node, path, str(node.tag), "expected a plain value; tags and includes are not read")
        return None

    def _item(self, node: Node, path: tuple[str, ...]) -> object:
        self._layer.places[path] = self._place(node)
        return self._value(node, path)

    def _count(self, node: Node, path: tuple[str, ...]) -> None:
        self._left -= 1
        if self._left < 0 or len(path) > _DEEPEST:
            self._refuse(node, path, _kind(node), "expected fewer values, or fewer levels")
            raise ConfigError(self._layer.problems)

    def _scalar(self, node: ScalarNode, path: tuple[str, ...]) -> object:
        if node.tag in _TEXT_TAGS:
            return str(node.value)
        try:
            value: object = self._construct.construct_object(node)
        except (ValueError, ArithmeticError) as exc:
            self._refuse(node, path, node.value, f"expected a value that can be read ({exc})")
            return None
        return value

    def _place(self, node: Node) -> Place:
        return Place(origin=Origin.FILE, source=self._source, line=node.start_mark.line + 1)

    def _refuse(self, node: Node, path: tuple[str, ...], value: object, expected: str) -> None:
        self._layer.problems.append(problem(self._place(node), path, value, expected))


def _anchor_paths(layer: Layer, folder: Path) -> None:
    for key in by_path().values():
        if not key.is_path or not layer.has(key.path):
            continue
        branch = layer.values
        for part in key.path[:-1]:
            branch = branch[part]
        branch[key.path[-1]] = _anchored(branch[key.path[-1]], folder)


def _anchored(value: object, folder: Path) -> object:
    if isinstance(value, list):
        return [_anchored(item, folder) for item in value]
    return str(folder / value) if isinstance(value, str) and value and not value.startswith("~") else value

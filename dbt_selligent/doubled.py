"""Keys that stand twice in the YAML of an activation: the last one counts, and dbt only warns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from dbt_selligent.errors import Fault
from dbt_selligent.manifest import KEY, Exposure, Manifest
from dbt_selligent.profiles import load_yaml
from dbt_selligent.settings import Settings

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Where an exposure may have its meta.
WAYS = (("config", "meta", KEY), ("meta", KEY))
MERGE = "tag:yaml.org,2002:merge"


def find_doubled(settings: Settings, manifest: Manifest) -> list[Fault]:
    """A fault for each such key; none for a file that cannot be read here as it is."""
    by_file: dict[tuple[str, str], list[Exposure]] = defaultdict(list)
    for each in manifest.exposures:
        by_file[each.package, each.file].append(each)
    found = [
        Fault(each.file, each.name, key, _problem(lines), "keep one of them")
        for (package, file), exposures in by_file.items()
        for each, declared in _read(_folder(settings, manifest, package) / file, exposures)
        for way in WAYS
        for key, lines in _doubled(declared, way)
    ]
    return list(dict.fromkeys(found))  # the two ways may lead to one mapping


def _folder(settings: Settings, manifest: Manifest, package: str) -> Path:
    """Where a package lies, or the project itself."""
    root = settings.project_dir
    if package == manifest.project:
        return root
    described = load_yaml((root / "dbt_project.yml").read_text("utf-8"))
    return root / str(described.get("packages-install-path") or "dbt_packages") / package


def _read(path: Path, exposures: Sequence[Exposure]) -> Iterator[tuple[Exposure, yaml.Node]]:
    """The exposures of a file, each with its mapping."""
    root: yaml.Node | None = None
    with suppress(OSError, ValueError, yaml.YAMLError):
        root = yaml.compose(path.read_text("utf-8"), Loader=LOADER)
    for node in _items(_last(root, "exposures")):
        name = _last(node, "name")
        yield from ((each, node) for each in exposures if name and name.value == each.name)


def _doubled(declared: yaml.Node | None, way: Sequence[str]) -> Iterator[tuple[str, Sequence[int]]]:
    """On the way to the mapping that ``way`` leads to, and in it: keys, and the lines of each."""
    node = declared
    for name in way:
        if len(lines := _lines(_keys(node).get(name, ()))) > 1:
            yield name, lines
        node = _last(node, name)
    yield from _doubled_in(node, ())


def _doubled_in(
    node: yaml.Node | None, under: Sequence[str]
) -> Iterator[tuple[str, Sequence[int]]]:
    for item in _items(node):
        yield from _doubled_in(item, under)
    for name, pairs in _keys(node).items():
        if len(pairs) > 1:
            yield ".".join((*under, name)), _lines(pairs)
        yield from _doubled_in(pairs[-1][1], (*under, name))


def _items(node: yaml.Node | None) -> Sequence[yaml.Node]:
    return node.value if isinstance(node, yaml.SequenceNode) else ()


def _keys(node: yaml.Node | None) -> Mapping[str, list[tuple[yaml.Node, yaml.Node]]]:
    """Keys and values of a mapping, by key; what is merged into it may stand there once more."""
    found: dict[str, list[tuple[yaml.Node, yaml.Node]]] = defaultdict(list)
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
            found[key.value].append((key, value))
    return found


def _last(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = _keys(node).get(name)
    return pairs[-1][1] if pairs else None


def _lines(pairs: Sequence[tuple[yaml.Node, yaml.Node]]) -> list[int]:
    return [key.start_mark.line + 1 for key, _ in pairs]


def _problem(lines: Sequence[int]) -> str:
    often = "twice" if len(lines) == 2 else f"{len(lines)} times"
    *others, last = dict.fromkeys(map(str, lines))
    where = f"lines {', '.join(others)} and {last}" if others else f"line {last}"
    return f"stands {often}, {where}: YAML takes the last one alone"

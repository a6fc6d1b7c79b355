"""Read one YAML file, strictly: a mapping, no key twice."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from config.errors import ConfigError

MAX_BYTES = 1_000_000


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which would silently take the last of two equal keys, taught to object.

    A value that is none of its kind, such as the date 2026-02-30, is YAML's error and no other.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError, OverflowError):
            message = f"is no {node.tag.rpartition(':')[2]}, though it looks like one: put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[object, int] = {}
        for key_node, _ in node.value:
            key = str(self.construct_object(key_node, deep=True))
            line = key_node.start_mark.line + 1
            if key in seen:
                message = f"key {key!r} stands twice, on lines {seen[key]} and {line}: remove one"
                raise yaml.constructor.ConstructorError(None, None, message, key_node.start_mark)
            seen[key] = line
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Content of a YAML file.

    Raises
    ------
    ConfigError
        No such file, not text, not YAML, no mapping, a key twice: with line and column where there is one.
    """
    try:
        content = yaml.load(_text(path), Loader=_StrictLoader)  # noqa: S506  a SafeLoader made stricter
    except yaml.YAMLError as error:
        raise ConfigError([_explain(error)], source=str(path)) from None
    except RecursionError:
        raise ConfigError(["is nested too deeply: not a configuration"], source=str(path)) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        found = "a list" if isinstance(content, list) else "a single value"
        raise ConfigError([f"must hold sections such as 'profile:' and 'kafka:', but is {found}"], source=str(path))
    return {str(key): value for key, value in content.items()}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror or error}"], source=str(path)) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([f"is larger than {MAX_BYTES:,} bytes: not a configuration"], source=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError([f"line {line}: is not UTF-8 text"], source=str(path)) from None


def _explain(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"is not YAML: {' '.join(str(error).split())}"
    problem, mark = error.problem or "is not YAML", error.problem_mark or error.context_mark
    if r"'\t'" in problem:
        problem = "a tab stands where YAML wants spaces: indent with spaces"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem

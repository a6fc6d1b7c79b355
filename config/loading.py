"""From a YAML file, the environment and overrides to settings that were checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.environment import read_environment
from config.errors import ConfigError
from config.problems import Place, explain, section_model
from config.section import Contradiction
from config.sections import ServerSettings
from config.settings import Settings
from config.yamlfile import read_yaml


def load_settings(
    path: str | Path | None = None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    needs: Iterable[str] = (),
) -> Settings:
    """Read and check the settings.

    Parameters
    ----------
    path : str, Path or None
        YAML file; None for none.
    overrides : mapping of str to mapping, optional
        Values by section and key that win over everything, such as the command line's.
    environ : mapping, optional
        Wins over the file: ``OFFMAP_SECTION__KEY``. The process's own environment by default.
    needs : iterable of str
        Optional sections that the caller cannot do without, such as ``kafka``.

    Raises
    ------
    ConfigError
        With every problem at once.

    Examples
    --------
    >>> settings = load_settings(overrides={"profile": {"path": "shop.offmap"}}, environ={})
    >>> settings.server.port, settings.windows.lengths
    (9469, (300.0, 3600.0, 86400.0))
    """
    data = read_yaml(Path(path)) if path is not None else {}
    from_environment, problems = read_environment(os.environ if environ is None else environ, _known_keys())
    variables: dict[Place, str] = {}
    for section, found in from_environment.items():
        _merge(data, {section: {key: each.value for key, each in found.items()}})
        over = (overrides or {}).get(section, {})
        variables |= {(section, key): each.name for key, each in found.items() if key not in over}
    _merge(data, overrides or {})
    missing = [name for name in needs if data.get(name) is None]
    problems += [f"{name}: is missing: {Settings.model_fields[name].description}" for name in missing]
    settings, wrong = _validate(data, variables)
    if settings is None or problems:
        raise ConfigError([*problems, *wrong], source=str(path) if path is not None else "configuration")
    return settings


def load_server_settings(path: str | Path) -> ServerSettings:
    """Read the HTTP side's section alone; its defaults where that cannot be.

    What is wrong elsewhere in a configuration can then be shown where people look for it.
    """
    variables, _ = read_environment(os.environ, _known_keys())
    try:
        given = read_yaml(Path(path)).get("server") or {}
        over = {key: each.value for key, each in variables.get("server", {}).items()}
        return ServerSettings.model_validate({**given, **over})
    except (ConfigError, TypeError, ValidationError):
        return ServerSettings()


def _known_keys() -> dict[str, frozenset[str]]:
    return {
        name: frozenset(section_model(field.annotation).model_fields) for name, field in Settings.model_fields.items()
    }


def _merge(data: dict[str, Any], layer: Mapping[str, Mapping[str, Any]]) -> None:
    """Lay values by section and key over `data`; a section that is no mapping is left for the validation to name."""
    for section, values in layer.items():
        below = data.get(section)
        if below is None or isinstance(below, dict):
            data[section] = {**(below or {}), **values}


def _validate(data: dict[str, Any], variables: Mapping[Place, str]) -> tuple[Settings | None, list[str]]:
    """Validate, and where values are wrong validate again without them: they must not hide contradictions.

    `variables` are those of the environment that values come from, by section and key.
    """
    data = {"profile": {}} | {name: value for name, value in deepcopy(data).items() if value is not None}
    problems: list[str] = []
    wrong: set[Place] = set()
    while True:
        try:
            settings = Settings.model_validate(data)
        except ValidationError as error:
            found = list(explain(error, Settings))
            problems += [
                _with_origin(line, place, item, variables)
                for place, item, line in found
                if item is None or not _touches(place, item.fields, wrong)
            ]
            places = {place for place, item, _ in found if item is None}
            if not _remove(data, places):
                return None, problems
            wrong |= {place[:2] for place in places}
        else:
            return (settings if not problems else None), problems


def _with_origin(line: str, place: Place, item: Contradiction | None, variables: Mapping[Place, str]) -> str:
    """Name the variables that a value comes from: who set them looks for those, not for a path in a file."""
    places = [place[:2]] if item is None else [(*place, field) for field in item.fields]
    if names := [variables[each] for each in places if each in variables]:
        path, _, message = line.partition(": ")
        return f"{path} (from {', '.join(names)}): {message}"
    return line


def _touches(section: Place, fields: tuple[str, ...], wrong: set[Place]) -> bool:
    return any((*section, field) in wrong for field in fields)


def _remove(data: dict[str, Any], places: Iterable[Place]) -> bool:
    """Take the values at these places out; whether there was any."""
    removed = False
    for place in places:
        holder = data if len(place) == 1 else data.get(str(place[0]))
        key = str(place[:2][-1])
        if isinstance(holder, dict) and key in holder:
            del holder[key]
            removed = True
    return removed

"""Reads a `Config` once, from a file, then variables, then flags: the later of two wins.

What is wrong is a `ConfigError` of one line that names the setting, where it came from and what to do. Unknown keys
are errors in the file and in flags; in the environment they are left alone: other programs' variables share the
prefix.
"""

from __future__ import annotations

import difflib
import socket
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, cast, get_type_hints

import msgspec

from odradek_engine.config.schema import Config, KafkaCluster, Section
from odradek_engine.config.values import InvalidValue, Kind, read_toml_value
from odradek_engine.printable import printable

ENVIRONMENT_PREFIX: Final = "RESTATE_"
MAX_FILE_BYTES: Final = 1 << 20

Keys = tuple[str, ...]
"""Where a setting stands: the keys of its sections, then its own."""

_CLUSTERS: Final[Keys] = ("ingress", "kafka-clusters")
_KAFKA_PROPERTIES: Final[Keys] = ("kafka", "properties")


class ConfigError(Exception):
    """The configuration cannot be used. The text is one line that says what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(printable(text))


def load_config(path: Path | None, env: Mapping[str, str], overrides: Mapping[str, object] | None = None) -> Config:
    """The configuration from `path` (None: no file), `env`, and `overrides` by dotted keys (`ingress.bind-port`)."""
    settings: dict[Keys, object] = {}
    if path is not None:
        settings.update(_read_table(_parse_file(path), str(path)))
    settings.update(_read_environment(env))
    for dotted, raw in (overrides or {}).items():
        keys = tuple(dotted.split("."))
        if keys not in setting_kinds():
            raise ConfigError(_unknown_key(keys, "the command line"))
        settings[keys] = _read_setting(keys, raw, f"the command line: {_name(keys)}")
    settings.setdefault(("node-name",), socket.gethostname() or "node")
    config = cast(Config, _build(Config, (), settings))
    _check_together(config)
    return config


@cache
def setting_kinds() -> Mapping[Keys, Kind]:
    """Every setting with its kind, but for the open tables."""
    return dict(_walk_settings(Config, ()))


def kinds_of(section: type[Section]) -> Mapping[str, Kind]:
    """The settings of one section by their keys."""
    hints = get_type_hints(section, include_extras=True)
    return {
        field.encode_name: hints[field.name].__metadata__[0]
        for field in msgspec.structs.fields(section)
        if hasattr(hints[field.name], "__metadata__")
    }


def subsections_of(section: type[Section]) -> Mapping[str, type[Section]]:
    """The sections within a section by their keys."""
    hints = get_type_hints(section)
    return {
        field.encode_name: hints[field.name]
        for field in msgspec.structs.fields(section)
        if isinstance(hints[field.name], type) and issubclass(hints[field.name], Section)
    }


def _walk_settings(section: type[Section], prefix: Keys) -> Iterator[tuple[Keys, Kind]]:
    for key, kind in kinds_of(section).items():
        yield (*prefix, key), kind
    for key, subsection in subsections_of(section).items():
        yield from _walk_settings(subsection, (*prefix, key))


def _parse_file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES} bytes: is it the configuration?")
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}: name another with --config-file") from None
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the configuration file {path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration file {path} is not valid TOML: {error}") from None


def _read_table(table: Mapping[str, object], origin: str, prefix: Keys = ()) -> Iterator[tuple[Keys, object]]:
    for key, raw in table.items():
        keys = (*prefix, key)
        if keys in setting_kinds():
            yield keys, _read_setting(keys, raw, f"{origin}: {_name(keys)}")
        elif keys == _CLUSTERS:
            yield keys, _read_clusters(raw, origin)
        elif keys == _KAFKA_PROPERTIES:
            yield keys, _read_properties(raw, f"{origin}: {_name(keys)}")
        elif _is_section(keys):
            if not isinstance(raw, dict):
                raise ConfigError(f"{origin}: '{key}' is a section: write [{'.'.join(keys)}] and its settings below")
            yield from _read_table(raw, origin, keys)
        else:
            raise ConfigError(_unknown_key(keys, origin))


def _read_environment(env: Mapping[str, str]) -> dict[Keys, object]:
    settings: dict[Keys, object] = {}
    properties: dict[str, str] = {}
    for variable, raw in sorted(env.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        words = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        keys = tuple(word.replace("_", "-") for word in words)
        if keys in setting_kinds():
            settings[keys] = _read_setting(keys, raw, variable)
        elif keys == _CLUSTERS:
            settings[keys] = _read_clusters(_checked(read_toml_value, raw, variable), variable)
        elif keys[:-1] == _KAFKA_PROPERTIES:
            properties[words[-1].replace("_", ".")] = raw
    if properties:
        settings[_KAFKA_PROPERTIES] = properties
    return settings


def _read_setting(keys: Keys, raw: object, origin: str) -> object:
    return _checked(setting_kinds()[keys].read, raw, origin)


def _checked(read: Any, raw: object, origin: str) -> object:
    try:
        return read(raw)
    except InvalidValue as error:
        raise ConfigError(f"{origin}: {error}") from None


def _read_properties(raw: object, origin: str) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise ConfigError(f"{origin}: expected a table of client properties")
    flat = dict(_flatten(raw))
    for key, value in flat.items():
        if not isinstance(value, (str, int, float)):
            raise ConfigError(f"{origin}: the property '{key}' must be text, a number, true or false")
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in flat.items()}


def _flatten(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Properties have dots in their names, which TOML takes for tables unless they are quoted."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _read_clusters(raw: object, origin: str) -> tuple[KafkaCluster, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise ConfigError(f"{origin}: Kafka clusters are a list: write [[ingress.kafka-clusters]] above each")
    clusters = []
    kinds = kinds_of(KafkaCluster)
    for position, table in enumerate(raw, start=1):
        where = f"{origin}: [[ingress.kafka-clusters]] number {position}"
        missing = [key for key in kinds if not table.get(key)]
        if missing:
            raise ConfigError(f"{where} has no '{missing[0]}'")
        known = {key: _checked(kind.read, table[key], f"{where}: '{key}'") for key, kind in kinds.items()}
        rest = {key: value for key, value in table.items() if key not in kinds}
        clusters.append(KafkaCluster(**cast(Any, known), properties=_read_properties(rest, where)))
    names = [cluster.name for cluster in clusters]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{origin}: two Kafka clusters are called '{name}': give each its own name")
    return tuple(clusters)


def _build(section: type[Section], prefix: Keys, settings: Mapping[Keys, object]) -> Section:
    subsections = subsections_of(section)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(section):
        keys = (*prefix, field.encode_name)
        if field.encode_name in subsections:
            values[field.name] = _build(subsections[field.encode_name], keys, settings)
        elif keys in settings:
            values[field.name] = settings[keys]
    return section(**values)


def _check_together(config: Config) -> None:
    policy = config.default_retry_policy
    if policy.max_interval_ms < policy.initial_interval_ms:
        raise ConfigError("[default-retry-policy] 'max-interval' is shorter than 'initial-interval': make it longer")
    ports: dict[int, str] = {}
    for setting, port in (
        ("bind-port", config.bind_port),
        ("[ingress] bind-port", config.ingress.bind_port),
        ("[admin] bind-port", config.admin.bind_port),
    ):
        if port and port in ports:
            raise ConfigError(f"{ports[port]} and {setting} are both {port}: give each its own port")
        ports[port] = setting


def _is_section(keys: Keys) -> bool:
    return any(known[: len(keys)] == keys for known in setting_kinds())


def _name(keys: Keys) -> str:
    section = f"[{'.'.join(keys[:-1])}] " if len(keys) > 1 else ""
    return f"{section}'{keys[-1]}'"


def _unknown_key(keys: Keys, origin: str) -> str:
    where = f"in [{'.'.join(keys[:-1])}]" if len(keys) > 1 else "at the top level"
    complaint = f"{origin}: there is no setting '{keys[-1]}' {where}"
    settings = [*setting_kinds(), _CLUSTERS, _KAFKA_PROPERTIES]
    sections = dict.fromkeys(candidate[:-1] for candidate in settings if len(candidate) > 1)
    known = [*settings, *sections]
    siblings = [candidate for candidate in known if candidate[:-1] == keys[:-1]]
    for candidates in (siblings, known):
        by_key = {candidate[-1]: candidate for candidate in reversed(candidates)}
        nearest = difflib.get_close_matches(keys[-1], by_key, n=1)
        if nearest:
            return f"{complaint}: did you mean {_where_it_stands(by_key[nearest[0]])}?"
    return f"{complaint}: 'odradek server --dump-config' shows all settings"


def _where_it_stands(keys: Keys) -> str:
    if keys not in setting_kinds():
        return f"[{'.'.join(keys)}]"
    return _name(keys) if len(keys) > 1 else f"{_name(keys)} at the top level"

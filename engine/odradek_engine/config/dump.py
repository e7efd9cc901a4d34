"""Writes a `Config` as the TOML that `load_config` would read back, secrets hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from odradek_engine.config.loading import kinds_of, subsections_of
from odradek_engine.config.schema import Config, IngressConfig, KafkaConfig, Section
from odradek_engine.config.values import Integer, Kind, quote

HIDDEN: Final = "***"
_SECRET: Final = re.compile(r"password|secret|jaas|\.pem$|(^|\.)sasl\.oauthbearer\.config$")


def dump_config(config: Config) -> str:
    """The whole configuration; settings that are not set stand as comments."""
    return "\n".join(_dump_section(config, ())) + "\n"


def hide_secrets(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties of a Kafka client, fit to be shown."""
    return {key: HIDDEN if _SECRET.search(key) else value for key, value in properties.items()}


def _dump_section(section: Section, keys: tuple[str, ...]) -> Iterator[str]:
    if keys:
        yield f"\n[{'.'.join(keys)}]"
    kinds = kinds_of(type(section))
    subsections = subsections_of(type(section))
    for field in msgspec.structs.fields(type(section)):
        key = field.encode_name
        value = getattr(section, field.name)
        if key in kinds:
            yield f"# {key} =" if value is None and not _has_word(kinds[key]) else f"{key} = {kinds[key].write(value)}"
    for key in subsections:
        yield from _dump_section(getattr(section, key.replace("-", "_")), (*keys, key))
    yield from _dump_tables(section)


def _has_word(kind: Kind) -> bool:
    return isinstance(kind, Integer) and kind.word is not None


def _dump_tables(section: Section) -> Iterator[str]:
    if isinstance(section, KafkaConfig):
        yield "\n[kafka.properties]"
        yield from _dump_properties(section.properties)
    if isinstance(section, IngressConfig):
        for cluster in section.kafka_clusters:
            yield "\n[[ingress.kafka-clusters]]"
            for key, kind in kinds_of(type(cluster)).items():
                yield f"{key} = {kind.write(getattr(cluster, key))}"
            yield from _dump_properties(cluster.properties)


def _dump_properties(properties: Mapping[str, str]) -> Iterator[str]:
    for key, value in hide_secrets(properties).items():
        yield f"{quote(key)} = {quote(value)}"

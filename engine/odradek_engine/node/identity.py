"""To which log and cluster a data directory belongs, so that it is never used with another one."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

_FILE: Final = "identity.json"


class WrongDirectory(Exception):
    """The data directory belongs to something else. The text says to what, and what to do."""


class Identity(msgspec.Struct, frozen=True):
    """What a data directory was made for."""

    log: Literal["embedded", "kafka"]
    cluster_name: str
    cluster_id: str
    partitions: int


def read_identity(base: Path) -> Identity | None:
    """The directory's identity; None for a new one."""
    try:
        raw = (base / _FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=Identity)
    except msgspec.DecodeError as error:
        raise WrongDirectory(
            f"{base / _FILE} cannot be read ({error}): is {base} an Odradek data directory?"
        ) from error


def check_log(base: Path, log: Literal["embedded", "kafka"], cluster_name: str) -> None:
    """Refuses a directory of another kind of log or another cluster, before anything is opened."""
    known = read_identity(base)
    if known is None:
        return
    if known.log != log:
        wanted = {"embedded": "the embedded log", "kafka": "Kafka"}
        raise WrongDirectory(
            f"the data directory {base} was made for {wanted[known.log]} and cannot be used with {wanted[log]}: "
            "name another base-dir for it, or take the brokers setting back"
        )
    if known.cluster_name != cluster_name:
        raise WrongDirectory(
            f"the data directory {base} belongs to cluster '{known.cluster_name}', not to '{cluster_name}': "
            "name another base-dir, or that cluster-name"
        )


def settle_identity(base: Path, wanted: Identity) -> Identity:
    """Holds the directory's identity against the log that was found, or writes it into a new directory.

    The partition count of a cluster is fixed when it is created: the known one wins over the configured one.
    """
    known = read_identity(base)
    if known is None:
        temporary = base / f"{_FILE}.new"
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(wanted)))
        temporary.rename(base / _FILE)
        return wanted
    if known.cluster_id != wanted.cluster_id:
        raise WrongDirectory(
            f"the data directory {base} belongs to the log with id {known.cluster_id}, and this one is "
            f"{wanted.cluster_id}: name another base-dir, or the brokers it was made for"
        )
    return known

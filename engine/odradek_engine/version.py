"""The installed version."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def version() -> str:
    """The version that the package metadata says."""
    try:
        return installed_version("odradek")
    except PackageNotFoundError:
        return "(not installed)"

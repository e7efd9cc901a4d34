"""The application that a Python file defines."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from odradek.endpoint import Application


class BadApplication(Exception):
    """An application file cannot be served. The text says why and what to do."""


def load_application(path: Path) -> Application:
    """The application that a Python file defines: its only `odradek.app(...)`, or the one named `app`."""
    name = f"odradek_application_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadApplication(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadApplication(
            f"{path} cannot be loaded: {_where(error, path)}{type(error).__name__}: {error}"
        ) from error
    found = {key: value for key, value in vars(module).items() if isinstance(value, Application)}
    if "app" in found:
        return found["app"]
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise BadApplication(f"{path} defines no application: write `app = odradek.app([...your services...])`")
    raise BadApplication(f"{path} defines the applications {', '.join(found)}: name the one to serve `app`")


def _where(error: Exception, path: Path) -> str:
    """`line N: ` of the file, as far as the error knows it."""
    line = getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f"line {line}: "

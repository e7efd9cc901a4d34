"""The test application, served by an SDK in a process of its own, which may be killed and started again."""

from __future__ import annotations

import os
from pathlib import Path

from languages import HERE, LANGUAGES
from variants import Variant

from endpoint_process import SDKS, EndpointProcess
from free_ports import free_ports
from live_node import PACKAGES

PYTHON_HANDLERS = HERE / "odradek" / "python_handlers.py"


class SdkEndpoint(EndpointProcess):
    """What handlers record goes to the file `effects`, a line each."""

    def __init__(self, variant: Variant, directory: Path, identity_key: str = "") -> None:
        (port,) = free_ports(1)
        environment = application_settings(variant, directory) | {
            "IDENTITY_KEY": identity_key,
            "PORT": str(port),
            "MODE": variant.mode,
            "NODE_MODULES": str(SDKS / "typescript"),
        }
        if variant.sdk == "odradek":
            environment["PYTHONPATH"] = os.pathsep.join(PACKAGES)
        elif variant.sdk == "python":
            environment["PYTHONPATH"] = str(directory)
        command = LANGUAGES[variant.sdk].serve(port)
        super().__init__(command, port, directory, code=HERE / variant.sdk, environment=environment)
        self.effects = directory / "effects"
        self.effects.touch()
        self.python_handlers = directory / PYTHON_HANDLERS.name
        """What the official Python SDK serves."""
        self.python_handlers.write_text(PYTHON_HANDLERS.read_text().replace("odradek", "restate"))


def application_settings(variant: Variant, directory: Path) -> dict[str, str]:
    """What the application reads from its environment, wherever it runs."""
    return {"EFFECTS": str(directory / "effects"), "PROTOCOL_VERSION_MAX": str(variant.version)}

"""An example on a node of its own, with a world outside of it that the test can look at and disturb."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from live_node import REPOSITORY, LiveNode, live_node

EXAMPLES = REPOSITORY / "examples"


class OutsideWorld:
    """What the stand-ins of an example did."""

    def __init__(self, directory: Path) -> None:
        self.diary = directory / "outside-world.jsonl"
        self.down = self.diary.with_suffix(".down")

    def done(self, service: str, action: str | None = None) -> list[dict[str, Any]]:
        """What a service did, in order."""
        return [each for each in self.entries() if each["service"] == service and action in (None, each["action"])]

    def entries(self) -> list[dict[str, Any]]:
        """What all of them did, in order."""
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        return [json.loads(line) for line in lines]

    def story(self) -> list[str]:
        """All that was done, in order: `service: action request_id`."""
        return ["{service}: {action} {request_id}".format_map(entry) for entry in self.entries()]

    def take_down(self, *services: str) -> None:
        """These services answer nobody from now on; all others do."""
        self.down.write_text("\n".join(services))


@contextmanager
def running_example(file_name: str, directory: Path, **environment: str) -> Iterator[tuple[LiveNode, OutsideWorld]]:
    """A node with the handlers of `examples/<file_name>`, and what is outside of it."""
    world = OutsideWorld(directory)
    variables = {"OUTSIDE_WORLD": str(world.diary), **environment}
    with live_node(directory, [EXAMPLES / file_name], environment=variables) as node:
        yield node, world

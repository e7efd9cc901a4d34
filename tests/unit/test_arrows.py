"""Imports run one way, and the pure parts touch neither clock, chance, threads, files nor network."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = {"odradek": "sdk", "odradek_engine": "engine", "odradek_connectors": "connectors"}
"""From the bottom up: a package imports those before it."""

ENGINE_LAYERS = (
    {"durations", "instants", "ulid", "model", "printable", "store.port", "version"},
    {"partition"},
    {"config", "log", "store"},
    {
        "application_file",
        "asgi",
        "gateway",
        "invoker",
        "listening",
        "log_output",
        "observe",
        "replica",
        "schema",
        "topics",
        "watchdog",
    },
    {"admin", "ingress", "query", "serving"},
    {"cli", "node", "testing"},
)
"""From the bottom up: a part of the engine imports its own layer and those below."""

ADAPTER_OWNERS = {"log", "store", "node", "testing"}
"""Who may know an adapter; all others know `log.port` and `store.port`."""

PURE = (
    "odradek.exceptions",
    "odradek.protocol",
    "odradek.vm",
    "odradek_engine.durations",
    "odradek_engine.instants",
    "odradek_engine.model",
    "odradek_engine.partition",
    "odradek_engine.store.port",
    "odradek_engine.ulid",
)
"""They import nothing of the project but each other."""
IMPURE_MODULES = {
    *("asyncio", "concurrent", "confluent_kafka", "contextvars", "logging", "multiprocessing", "os", "pathlib"),
    *("random", "rocksdict", "secrets", "select", "selectors", "signal", "socket", "structlog", "subprocess"),
    *("tempfile", "threading", "time", "urllib"),
}
IMPURE_CALLS = {
    *("date.today", "datetime.now", "datetime.today", "datetime.utcnow"),
    *("uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4"),
}

LAZY = {"odradek.testing": "odradek_engine.testing", "odradek.__main__": "odradek_engine.cli"}
"""The exceptions: an import inside a function, of a package above."""

LIBRARIES_IN_USE = {"odradek.client": "httpx", "odradek.remote.identity": "cryptography"}
"""Parts of the SDK that need a library of the server once they are used, not when they are imported."""


@dataclass(frozen=True)
class Import:
    module: str
    names: tuple[str, ...]
    line: int
    lazy: bool

    @property
    def wanted(self) -> tuple[str, ...]:
        """Each thing imported, in full: a module, or something in one."""
        return tuple(f"{self.module}.{name}" for name in self.names) or (self.module,)


@dataclass(frozen=True)
class Module:
    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.split(".")[0]

    @property
    def part(self) -> str:
        return f"{self.name}.".split(".")[1]

    def imports(self) -> Iterator[Import]:
        inside_functions = {
            id(inner)
            for outer in ast.walk(self.tree)
            if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef))
            for inner in ast.walk(outer)
        }
        for node in ast.walk(self.tree):
            lazy = id(node) in inside_functions
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, (), node.lineno, lazy)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}:{node.lineno}: a relative import"
                yield Import(node.module or "", tuple(alias.name for alias in node.names), node.lineno, lazy)


def modules() -> list[Module]:
    found = []
    for package, folder in PACKAGES.items():
        root = REPOSITORY / folder
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            found.append(Module(name, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def within(name: str, *parts: str) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def server_modules() -> frozenset[str]:
    """What only `odradek[server]` installs, by the names it is imported under."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = (re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in project["optional-dependencies"]["server"])
    return frozenset(name.replace("-", "_") for name in names)


def layer_of(name: str) -> int | None:
    """The layer of a module of the engine; the longest name that is listed counts."""
    parts = name.split(".")[1:]
    listed = {part: layer for layer, parts in enumerate(ENGINE_LAYERS) for part in parts}
    candidates = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((listed[candidate] for candidate in candidates if candidate in listed), None)


def wrong_packages(module: Module) -> Iterator[str]:
    order = list(PACKAGES)
    allowed = LAZY.get(module.name)
    for each in module.imports():
        package = each.module.split(".")[0]
        if package not in PACKAGES or order.index(package) <= order.index(module.package):
            continue
        if not (each.lazy and allowed and all(within(wanted, allowed) for wanted in each.wanted)):
            yield f"{module.name}:{each.line} imports {each.module}, which stands above it"


def wrong_layers(module: Module) -> Iterator[str]:
    if module.package != "odradek_engine" or not module.part:
        return
    own = layer_of(module.name)
    if own is None:
        yield f"{module.name} stands in no layer: give {module.part} a place in ENGINE_LAYERS"
        return
    for each in module.imports():
        for wanted in each.wanted:
            layer = layer_of(wanted) if within(wanted, "odradek_engine") else None
            if layer is not None and layer > own:
                yield f"{module.name}:{each.line} imports {wanted}, which stands above {module.part}"


def known_adapters(module: Module) -> Iterator[str]:
    if module.package != "odradek_engine" or module.part in ADAPTER_OWNERS:
        return
    for each in module.imports():
        for wanted in each.wanted:
            for port in ("odradek_engine.log", "odradek_engine.store"):
                if within(wanted, port) and not within(wanted, f"{port}.port"):
                    yield f"{module.name}:{each.line} imports {wanted}: only {port}.port may be known here"


def impurities(module: Module) -> Iterator[str]:
    if not within(module.name, *PURE):
        return
    for each in module.imports():
        top = each.module.split(".")[0]
        seeded = within(module.name, "odradek.vm") and each.module == "random"
        if top in IMPURE_MODULES and not seeded:
            yield f"{module.name}:{each.line} imports {each.module}"
        if top in PACKAGES and not all(within(wanted, *PURE) for wanted in each.wanted):
            yield f"{module.name}:{each.line} imports {each.module}, which is not pure"
        if seeded and set(each.names) - {"Random"}:
            yield f"{module.name}:{each.line} imports more of random than Random"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            if ".".join(ast.unparse(node).split(".")[-2:]) in IMPURE_CALLS:
                yield f"{module.name}:{node.lineno} uses {ast.unparse(node)}"
            if isinstance(node.value, ast.Name) and node.value.id == "random" and node.attr != "Random":
                yield f"{module.name}:{node.lineno} uses random.{node.attr}"
        if isinstance(node, ast.Call) and not node.args and ast.unparse(node.func).split(".")[-1] == "Random":
            yield f"{module.name}:{node.lineno} makes a Random without a seed"


def server_packages_in_sdk(module: Module) -> Iterator[str]:
    if module.package == "odradek":
        for each in module.imports():
            library = each.module.split(".")[0]
            if library in server_modules() and library != LIBRARIES_IN_USE.get(module.name):
                yield f"{module.name}:{each.line} imports {each.module}, which only odradek[server] installs"


RULES = (wrong_packages, wrong_layers, known_adapters, impurities, server_packages_in_sdk)


def violations(of: list[Module]) -> list[str]:
    return [violation for module in of for rule in RULES for violation in rule(module)]


def test_imports_run_one_way_and_the_core_is_pure() -> None:
    found = modules()
    assert {module.package for module in found} == set(PACKAGES)
    wrong = violations(found)
    assert not wrong, "\n".join(wrong)


def planted(name: str, code: str) -> list[str]:
    return violations([Module(name, ast.parse(code))])


def test_planted_violations_are_found() -> None:
    for name, code in (
        ("odradek.context", "import odradek_engine.model"),
        ("odradek_engine.ingress.routes", "from odradek_connectors import kafka"),
        ("odradek.testing", "import odradek_engine.testing"),
        ("odradek.testing", "def run():\n    from odradek_engine.replica import leader"),
        ("odradek_engine.partition.apply", "from odradek_engine.log.port import Log"),
        ("odradek_engine.partition.apply", "from odradek_engine import replica"),
        ("odradek_engine.replica.leader", "from odradek_engine.ingress.routes import route"),
        ("odradek_engine.invoker", "if True:\n    from odradek_engine import cli"),
        ("odradek_engine.replica.leader", "from odradek_engine.log.kafka import KafkaLog"),
        ("odradek_engine.ingress.routes", "from odradek_engine.store import rocks"),
        ("odradek_engine.model.rows", "import asyncio"),
        ("odradek_engine.model.rows", "def f():\n    from os import path"),
        ("odradek_engine.partition.apply", "from datetime import datetime\nx = datetime.now()"),
        ("odradek_engine.partition.apply", "from random import Random"),
        ("odradek_engine.partition.apply", "from odradek.context import Context"),
        ("odradek.vm.machine", "import random\nrandom.randint(1, 2)"),
        ("odradek.vm.machine", "from random import randint"),
        ("odradek.vm.machine", "from random import Random\nRandom()"),
        ("odradek.protocol.ids", "import uuid\nuuid.uuid4()"),
        ("odradek.serde", "def f():\n    import rocksdict"),
        ("odradek.serde", "import confluent_kafka.admin"),
    ):
        assert planted(name, code), f"{name}: {code}"


def test_what_is_allowed_is_not_taken_for_a_violation() -> None:
    for name, code in (
        ("odradek_connectors.kafka", "from odradek_engine.gateway import Gateway\nimport odradek"),
        ("odradek.testing", "def run():\n    from odradek_engine.testing import Node"),
        ("odradek_engine.model.rows", "from odradek.protocol.ids import INVOCATION_ID_LENGTH"),
        ("odradek_engine.partition.apply", "from odradek_engine.model import events\nfrom datetime import datetime"),
        (
            "odradek_engine.replica.leader",
            "from odradek_engine.log.port import Log\nfrom odradek_engine.store import port",
        ),
        ("odradek_engine.node", "from odradek_engine.log.kafka import KafkaLog\nimport time"),
        ("odradek.vm.machine", "from random import Random\nRandom(7)"),
        ("odradek.vm.machine", "import random\nrandom.Random(7)"),
        ("odradek.serde", "import msgspec, asyncio"),
    ):
        assert planted(name, code) == []


def test_a_new_part_of_the_engine_needs_a_place() -> None:
    assert planted("odradek_engine.novelty.x", "") == [
        "odradek_engine.novelty.x stands in no layer: give novelty a place in ENGINE_LAYERS"
    ]

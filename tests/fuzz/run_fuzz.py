"""`make fuzz`: tries inputs on every parser for a while, each in a process of its own.

    python tests/fuzz/run_fuzz.py SECONDS [PARSER]

With atheris the inputs follow coverage; without it they are damaged samples from a seed that is printed. An input that
breaks a parser is written to .fuzz/, and the exit code is 1.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from fuzz_target import INPUT_BYTES_MAX, FuzzTarget
from mutations import damaged

TESTS = Path(__file__).resolve().parents[1]
FOUND = TESTS.parent / ".fuzz"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
"""Of a parser's process, which has another working directory: with what this one can import."""
TRIED = re.compile(r"(?:number_of_executed_units: +|^)(\d+)(?: inputs from|$)", re.MULTILINE)
LINES_SHOWN = 40


def main(arguments: list[str]) -> int:
    seconds = int(arguments[0])
    if len(arguments) > 1:
        (target,) = [each for each in all_targets(followed=has_atheris()) if each.name == arguments[1]]
        return follow_coverage(target, seconds) if has_atheris() else try_damaged(target, seconds)
    FOUND.mkdir(exist_ok=True)
    targets = all_targets(followed=False)
    share = str(max(1, seconds // len(targets)))
    broken = 0
    print(f"{'parser':28} {'inputs':>12}  {'inputs that follow coverage' if has_atheris() else 'damaged samples'}")
    for target in targets:
        command = [sys.executable, __file__, share, target.name]
        done = subprocess.run(command, cwd=FOUND, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        tried = sum(int(number) for number in TRIED.findall(said))
        print(f"{target.name:28} {tried:12,}  {'BROKEN' if done.returncode else 'nothing broke'}", flush=True)
        if done.returncode:
            broken += 1
            told = [line for line in said.splitlines() if not line.startswith("INFO: ")]
            print("\n".join(told[-LINES_SHOWN:]), flush=True)
    print(f"{broken} broken; the inputs are in {FOUND}" if broken else "nothing broke")
    return 1 if broken else 0


def all_targets(*, followed: bool) -> tuple[FuzzTarget, ...]:
    """All parsers; `followed`: made such that the fuzzer sees which of our branches an input takes."""
    if not followed:
        from fuzz_targets import TARGETS

        return TARGETS
    import atheris

    with atheris.instrument_imports(include=["odradek", "odradek_engine", "odradek_connectors"]):
        return all_targets(followed=False)


def has_atheris() -> bool:
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return True


def follow_coverage(target: FuzzTarget, seconds: int) -> int:
    """Does not return: libFuzzer ends the process."""
    import atheris

    corpus = FOUND / "corpus" / target.name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(target.samples):
        (corpus / f"sample-{number}").write_bytes(sample)
    settings = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=20"]
    settings += ["-verbosity=0", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *settings, str(corpus)], target.accept)
    atheris.Fuzz()
    return 0


def try_damaged(target: FuzzTarget, seconds: int) -> int:
    first = int.from_bytes(os.urandom(6), "big")
    deadline = time.monotonic() + seconds
    tried = 0
    for seed in itertools.count(first):
        if time.monotonic() > deadline:
            break
        tried += 1
        data = damaged(target.samples, seed)
        try:
            target.check(data)
        except Exception:
            (FOUND / f"broken-{seed}").write_bytes(data)
            print(f"seed {seed}: {data!r}")
            raise
    print(f"{tried} inputs from seed {first}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

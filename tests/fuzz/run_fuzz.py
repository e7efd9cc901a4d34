"""`make fuzz`: tries inputs on every parser for a while, each in a process of its own.

    python tests/fuzz/run_fuzz.py SECONDS [PARSER]

With atheris the inputs follow coverage; without it they are damaged samples from a seed that is printed. An input that
breaks a parser is written to .fuzz/, and the exit code is 1.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

from fuzz_target import INPUT_BYTES_MAX, FuzzTarget
from mutations import damaged

FOUND = Path(__file__).resolve().parents[2] / ".fuzz"


def main(arguments: list[str]) -> int:
    seconds = int(arguments[0])
    if len(arguments) > 1:
        (target,) = [each for each in all_targets(followed=has_atheris()) if each.name == arguments[1]]
        return follow_coverage(target, seconds) if has_atheris() else try_damaged(target, seconds)
    FOUND.mkdir(exist_ok=True)
    targets = all_targets(followed=False)
    share = str(max(1, seconds // len(targets)))
    failed = []
    for target in targets:
        print(f"--- {target.name}", flush=True)
        done = subprocess.run([sys.executable, __file__, share, target.name], cwd=FOUND, check=False)
        if done.returncode:
            failed.append(target.name)
    print(f"broken: {', '.join(failed)}; the inputs are in {FOUND}" if failed else "nothing broke")
    return 1 if failed else 0


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
    settings = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=20", "-verbosity=0"]
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

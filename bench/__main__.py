"""`python -m bench`: measures, prints tables and writes them as JSON."""

import signal
import sys

from bench.measure import measure
from bench.options import read_options
from bench.report import report


def main() -> int:
    """The exit code: 1 if figures are missing or worthless."""
    options = read_options()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    return report(measure(options), options)


if __name__ == "__main__":
    sys.exit(main())

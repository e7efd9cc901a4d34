"""What is in the accounts: as it must be, as it is found, and the one beside the other."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ACCOUNTS: Final = 100
PAYMENT_CENTS_MAX: Final = 100_000
SHOWN_ACCOUNTS: Final = 3
NAME_WIDTH: Final = 20
CELL_WIDTH: Final = 18


@dataclass
class Books:
    """Deposits and cents by account."""

    deposits: Counter[str] = field(default_factory=Counter)
    cents: Counter[str] = field(default_factory=Counter)

    def lost(self, found: Books) -> int:
        """Deposits that are here and not there."""
        return (self.deposits - found.deposits).total()

    def doubled(self, found: Books) -> int:
        """Deposits that are there beyond those that are here."""
        return (found.deposits - self.deposits).total()


def write_payments(path: Path, events: int) -> Books:
    """Writes payments as lines for the console's producer; what they must come to."""
    chance = random.Random(events)
    expected = Books()
    with path.open("w") as file:
        for _ in range(events):
            account, cents = f"account-{chance.randrange(ACCOUNTS):03}", chance.randint(1, PAYMENT_CENTS_MAX)
            file.write(f'{account}:{{"cents": {cents}}}\n')
            expected.deposits[account] += 1
            expected.cents[account] += cents
    return expected


def table(expected: Books, over_http: Books, by_sql: Books) -> str:
    """What was expected beside what was found, in both ways of looking."""
    books = (expected, over_http, by_sql)
    rule = "-" * (NAME_WIDTH + CELL_WIDTH * len(books))
    shown = sorted(expected.cents)[:SHOWN_ACCOUNTS]
    lines = [
        _line("", "expected", "over HTTP", "by SQL"),
        rule,
        *(_line(account, *(_euros(each.cents[account]) for each in books)) for account in shown),
        _line(f"{len(expected.cents) - len(shown)} more", "...", "...", "..."),
        rule,
        _line("sum", *(_euros(each.cents.total()) for each in books)),
        _line("payments", *(f"{each.deposits.total():,}" for each in books)),
        _line("lost", "0", *(f"{expected.lost(each):,}" for each in books[1:])),
        _line("doubled", "0", *(f"{expected.doubled(each):,}" for each in books[1:])),
    ]
    return "\n".join(lines)


def _line(name: str, *cells: str) -> str:
    return f"{name:{NAME_WIDTH}}{''.join(f'{cell:>{CELL_WIDTH}}' for cell in cells)}"


def _euros(cents: int) -> str:
    return f"{cents / 100:,.2f}"

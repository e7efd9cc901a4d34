"""How much a query asks the planner to do, judged before it is planned.

DataFusion's planner takes time that rises with the square of a chain of operators, cannot be interrupted, and descends
once for each link: some thousands of `UNION ALL` overflow its stack, which ends the process.
"""

from __future__ import annotations

import re
from typing import Final

OPERATORS_MAX: Final = 500
"""Of one query: no person and no console writes so many; lists of values are not counted."""

_COUNTED: Final = re.compile(
    r"'[^']*(?:'|\Z)"
    r'|"[^"]*(?:"|\Z)'
    r"|--[^\n]*"
    r"|/\*.*?(?:\*/|\Z)"
    r"|(?P<operator>[-+*/%=<>!~&|^:]+|\b(?:and|or|not|like|ilike|is|between|at"
    r"|select|union|intersect|except|join|state|sys_\w+)\b)",
    re.IGNORECASE | re.DOTALL,
)


def operators_in(sql: str) -> int:
    """How many operators, selections and tables a query has, outside of texts, quoted names and comments."""
    return sum(match["operator"] is not None for match in _COUNTED.finditer(sql))

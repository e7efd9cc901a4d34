"""All parts of the protocol that are modelled."""

from __future__ import annotations

from journal_bugs import JOURNAL

PARTS = (JOURNAL,)

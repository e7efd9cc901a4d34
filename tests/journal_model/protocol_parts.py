"""All parts of the protocol that are modelled."""

from __future__ import annotations

from checkpoint_part import CHECKPOINTS
from inbox_part import INBOX
from journal_bugs import JOURNAL
from message_part import MESSAGES
from registry_part import REGISTRY
from source_part import SOURCES
from timer_part import TIMERS

PARTS = (JOURNAL, CHECKPOINTS, MESSAGES, SOURCES, INBOX, TIMERS, REGISTRY)

"""Logging that stays silent while a handler is replayed, so that each line is written once."""

from __future__ import annotations

import logging

from odradek.driver.current import current_attempt


class RestateLoggingFilter(logging.Filter):
    """Drops records that a handler logs while its operations are answered from the journal."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for records of a replay."""
        if not super().filter(record):
            return False
        attempt = current_attempt()
        return attempt is None or not attempt.machine.replaying


def getLogger(name: str | None = None) -> logging.Logger:  # noqa: N802  (the standard library's name)
    """The logger of this name, with the filter on it once."""
    logger = logging.getLogger(name)
    if not any(isinstance(existing, RestateLoggingFilter) for existing in logger.filters):
        logger.addFilter(RestateLoggingFilter())
    return logger

"""Sends batches of records to a node, each until it is acknowledged.

A producer has an id and numbers its records. The same batch goes out again after every error, unchanged, and the node
drops what it has already: so nothing is lost or doubled, whenever the node dies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click

from odradek_engine.cli.admin_client import AdminClient, NodeUnreachable, RequestRefused, api_path
from odradek_engine.cli.record_batches import Batch

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0
PASSING_STATUSES: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
"""What a node that starts, stops or is busy may answer; anything else will not change by asking again."""


class GaveUp(click.ClickException):
    """A batch was not acknowledged in time; whether it is in the topic is unknown."""


class RecordProducer:
    """One producer into one topic. `patience_s` bounds how long a batch may go unacknowledged."""

    def __init__(
        self,
        client: AdminClient,
        topic: str,
        producer_id: str,
        patience_s: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        note: Callable[[str], None],
    ) -> None:
        self.appended = 0
        self.repeated = 0
        self.producer_id = producer_id
        self._client = client
        self._path = api_path("topics", topic, "records")
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._note = note

    def send(self, batch: Batch) -> None:
        """Returns once the batch is in the topic; `GaveUp`, or `RequestRefused` where the node will never take it."""
        deadline_s = self._clock() + self._patience_s
        wait_s = FIRST_WAIT_S
        complaint = ""
        while (error := self._try(batch)) is not None:
            if self._clock() + wait_s > deadline_s:
                raise GaveUp(error.message)
            if error.message != complaint:
                complaint = error.message
                self._note(f"waiting: {complaint}")
            self._sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)
        if complaint:
            self._note("the node is back: going on")

    def _try(self, batch: Batch) -> click.ClickException | None:
        body = {
            "producer_id": self.producer_id,
            "first_sequence": batch.first_sequence,
            "records": batch.records,
        }
        try:
            answer = self._client.post(self._path, body)
        except NodeUnreachable as error:
            return error
        except RequestRefused as error:
            if error.status in PASSING_STATUSES:
                return error
            raise
        self.appended += answer["appended"]
        self.repeated += answer["repeated"]
        return None

"""Steps and handlers that fail by order of a test: which ones, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from odradek.driver.endpoint import Refusal
from odradek.endpoint import Application
from odradek.protocol.attempt import Endpoint, EngineSide, HandlerEnvironment, HandlerSide
from odradek.protocol.messages import Entry, Start
from odradek.testing.errors import InjectedFailure

FAILED = 500


@dataclass
class _Order:
    attempts: int
    target: str | None
    error: Exception | None
    done: int = 0


class Failures:
    """What is to fail. Steps are named by their name, handlers by `Service/handler`."""

    def __init__(self) -> None:
        self._orders: dict[str, list[_Order]] = {}

    def order(self, name: str, attempts: int, target: str | None, error: Exception | None) -> None:
        """The next `attempts` executions fail; `target`: only in this handler's steps."""
        self._orders.setdefault(name, []).append(_Order(attempts, target, error))

    def before_step(self, target: str, name: str) -> None:
        """Raises if this step is to fail now."""
        for order in self._orders.get(name, ()):
            if order.done < order.attempts and order.target in (None, target):
                order.done += 1
                raise order.error or InjectedFailure(
                    f"step {name!r} of {target} fails by order of the test ({order.done} of {order.attempts})"
                )


class FailingApplication(Application):
    """An application some of whose attempts fail before their handler runs."""

    def __init__(self, application: Application, failures: Failures) -> None:
        self.__dict__.update(vars(application))
        self._failures = failures

    def bind(self, environment: HandlerEnvironment) -> Endpoint:
        """See `Application`."""
        return _FailingEndpoint(super().bind(environment), self._failures)


class _FailingEndpoint:
    def __init__(self, endpoint: Endpoint, failures: Failures) -> None:
        self._endpoint = endpoint
        self._failures = failures

    def start(
        self, service: str, handler: str, start: Start, journal: Sequence[Entry], engine: EngineSide
    ) -> HandlerSide:
        target = f"{service}/{handler}"
        try:
            self._failures.before_step(target, target)
        except Exception as error:
            return Refusal(str(error), engine, FAILED)
        return self._endpoint.start(service, handler, start, journal, engine)

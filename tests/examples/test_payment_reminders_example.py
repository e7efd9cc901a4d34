"""examples/payment_reminders.py: reminders come by themselves, end when the user pays, and escalate when not."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]
REMIND_EVERY_SECONDS = "0.5"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("payment_reminders")
    with running_example("payment_reminders.py", directory, REMIND_EVERY_SECONDS=REMIND_EVERY_SECONDS) as running:
        yield running


def reminders(world: OutsideWorld, user: str) -> list[int]:
    return [each["number"] for each in world.done("mail") if each["user"] == user]


def test_three_reminders_then_support_although_the_node_is_killed(running: Running) -> None:
    node, world = running
    assert node.call("PaymentTracker", "invoice-1", "payment_failed", {"user": "ada", "cents": 990}) == "reminded"
    node.restart()
    wait_until(lambda: world.done("support"), "support takes over")
    wait_until(lambda: node.call("PaymentTracker", "invoice-1", "standing", None) == "escalated", "it is escalated")
    assert reminders(world, "ada") == [1, 2, 3]
    assert [each["request_id"] for each in world.done("support")] == ["invoice-1"]


def test_who_pays_hears_no_more(running: Running) -> None:
    node, world = running
    node.call("PaymentTracker", "invoice-2", "payment_failed", {"user": "bob", "cents": 100})
    node.call("PaymentTracker", "invoice-2", "payment_succeeded", None)
    heard = reminders(world, "bob")
    assert heard[0] == 1
    query = (
        "SELECT status FROM sys_invocation WHERE target_service_key = 'invoice-2' "
        "AND target_handler_name = 'payment_failed' AND status != 'completed'"
    )
    wait_until(lambda: node.sql(query) == [], "the reminder that was under way has found the invoice paid")
    assert reminders(world, "bob") == heard
    assert node.call("PaymentTracker", "invoice-2", "standing", None) == "paid"

"""examples/ticket_reservation.py in the kit: seats go to one cart at a time, and come back when time is up."""

from collections.abc import Callable

import ticket_reservation
from example_node import OutsideWorld
from odradek import testing
from ticket_reservation import RESERVED_FOR, add_ticket, checkout


def test_a_seat_is_free_again_when_its_time_is_up(world: OutsideWorld) -> None:
    with testing.engine(ticket_reservation.app) as engine:
        assert engine.call(add_ticket, "A1", key="ada")
        engine.advance(RESERVED_FOR * 0.9)
        assert not engine.call(add_ticket, "A1", key="bob")
        engine.advance(RESERVED_FOR * 0.2)
        assert engine.call(add_ticket, "A1", key="bob")
        assert not engine.call(checkout, key="ada")
        assert engine.call(checkout, key="bob")
        engine.advance(2 * RESERVED_FOR)
        assert not engine.call(add_ticket, "A1", key="ada")
        assert engine.state("TicketObject", "A1") == {"status": "sold"}
    assert [each["user"] for each in world.done("payments")] == ["bob"]


def test_who_cannot_pay_keeps_the_seats_until_their_time_is_up(world: OutsideWorld) -> None:
    with testing.engine(ticket_reservation.app) as engine:
        engine.fail_first("mail", attempts=2)
        assert engine.call(add_ticket, "A1", key="penniless")
        assert not engine.call(checkout, key="penniless")
        assert engine.state("CartObject", "penniless") == {"tickets": ["A1"]}
        engine.advance(RESERVED_FOR)
        assert engine.state("CartObject", "penniless") == {"tickets": []}
        assert engine.state("TicketObject", "A1") == {}
    assert [each["text"] for each in world.entries()] == ["Your payment was declined"]


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> list[object]:
        world = new_world()
        answers = [engine.call(add_ticket, seat, key="ada") for seat in ("A1", "A2")]
        answers += [engine.call(add_ticket, "A2", key="bob"), engine.call(checkout, key="ada")]
        engine.advance(2 * RESERVED_FOR)
        return [*answers, *((each["service"], each.get("cents")) for each in world.entries())]

    outcome = testing.replay_everywhere(ticket_reservation.app, scenario).outcome
    assert outcome == [True, True, False, True, ("payments", 8000), ("mail", None)]

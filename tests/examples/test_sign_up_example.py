"""examples/sign_up.py on a node that is killed: one account, one secret, and a click that is not lost."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, Refused, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]
ADA = {"name": "Ada", "email": "ada@example.com"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_example("sign_up.py", tmp_path_factory.mktemp("sign_up")) as running:
        yield running


def test_a_click_after_a_kill_confirms_the_user_who_then_clicks_again(running: Running) -> None:
    node, world = running
    signing_up = node.send("SignUp", "ada", "run", ADA)
    wait_until(lambda: world.done("mail"), "the mail is sent")
    node.restart()
    assert node.call("SignUp", "ada", "status", None) == "unconfirmed"
    [mail] = world.done("mail")
    assert node.call("SignUp", "ada", "click", mail["secret"]) == "confirmed"
    assert node.attach(signing_up) == "confirmed"
    node.restart()
    assert node.call("SignUp", "ada", "click", mail["secret"]) == "confirmed"
    assert [each for each in world.story() if "ada" in each] == [
        "accounts: create ada",
        "mail: send link ada/1",
        "accounts: activate ada",
    ]


def test_a_click_waits_through_a_kill_for_the_account_to_be_active(running: Running) -> None:
    node, world = running
    world.take_down("mail")
    node.send("SignUp", "bob", "run", ADA)
    wait_until(lambda: node.state("SignUp", "bob").get("secret"), "the secret is drawn")
    clicked = node.send("SignUp", "bob", "click", node.state("SignUp", "bob")["secret"])
    node.kill()
    world.take_down()
    node.start()
    assert node.attach(clicked) == "confirmed"
    assert [each for each in world.story() if "bob" in each] == [
        "accounts: create bob",
        "mail: send link bob/1",
        "accounts: activate bob",
    ]


def test_a_user_signs_up_once_and_a_guess_is_no_click(running: Running) -> None:
    node, _ = running
    node.send("SignUp", "eve", "run", ADA)
    for path, argument, status in (("run", ADA, 409), ("click", "guess", 403)):
        with pytest.raises(Refused) as refused:
            node.call("SignUp", "eve", path, argument)
        assert refused.value.status == status

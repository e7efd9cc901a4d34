"""examples/sign_up.py under both: clicked at once, after a second mail, twice, never, and by somebody who guesses."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]

ADA = {"name": "Ada", "email": "ada@example.com"}


def script(scene: Scene) -> None:
    scene.call("SignUp", "ada", "status", None)
    scene.call("SignUp", "ada", "click", "guess")
    signing_up = scene.send("SignUp", "ada", "run", ADA)
    mails = scene.until_done("mail", "send link")
    scene.call("SignUp", "ada", "run", ADA)
    scene.call("SignUp", "ada", "status", None)
    scene.call("SignUp", "ada", "click", "guess")
    mails = scene.until_done("mail", "send link", times=2)
    for _ in range(2):
        scene.call("SignUp", "ada", "click", mails[0]["secret"])
    scene.attach(signing_up)
    scene.get("restate", "workflow", "SignUp", "ada", "attach")

    scene.call("SignUp", "bob", "run", ADA)
    mails = scene.until_done("mail", "send link", times=5)
    scene.call("SignUp", "bob", "click", mails[-1]["secret"])
    scene.call("SignUp", "bob", "status", None)


def test_sign_up(assert_equal: Callable[..., None]) -> None:
    assert_equal("sign_up.py", script, MAIL_EVERY_SECONDS="2")

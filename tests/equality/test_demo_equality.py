"""examples/demo/app.py under both."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("Account", "ada", "deposit", {"cents": 500})
    scene.call("Account", "ada", "withdraw", {"cents": 50})
    scene.call("Transfers", "transfer", {"payer": "ada", "payee": "bob", "cents": 200})
    scene.call("Account", "bob", "balance", None)
    scene.call("Transfers", "transfer", {"payer": "ada", "payee": "bob", "cents": 301})
    scene.call("Account", "ada", "balance", None)
    deposits = [scene.send("Account", "cyd", "deposit", {"cents": cents}) for cents in range(1, 11)]
    for deposit in deposits:
        scene.attach(deposit)


def test_demo(assert_equal: Callable[..., None]) -> None:
    assert_equal("demo/app.py", script)

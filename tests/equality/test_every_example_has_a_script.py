"""Whoever adds an example also says what it does under the official SDK."""

from pathlib import Path

from example_node import EXAMPLES

SCRIPTS = Path(__file__).parent


def test_every_example_has_a_script() -> None:
    programs = [path for path in EXAMPLES.rglob("*.py") if "\napp = odradek.app(" in path.read_text()]
    names = {str(path.relative_to(EXAMPLES)) for path in programs}
    assert "food_order.py" in names
    played = "\n".join(path.read_text() for path in SCRIPTS.glob("test_*_equality.py"))
    assert {name for name in names if f'assert_equal("{name}", ' not in played} == set()

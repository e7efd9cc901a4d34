"""examples/priority_queue.py on a node that is killed: each job is printed once, in the order of urgency."""

import pytest

from example_node import running_example
from live_node import wait_until

pytestmark = pytest.mark.live


def test_jobs_are_printed_once_and_the_most_urgent_one_first_although_the_node_is_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running_example("priority_queue.py", tmp_path_factory.mktemp("priority_queue")) as (node, world):

        def in_line() -> tuple[int, int]:
            line = node.state("PriorityQueue", "printer").get("line", {"served": [], "waiting": []})
            return len(line["served"]), len(line["waiting"])

        world.take_down("printer")
        jobs = []
        for number, (name, priority) in enumerate({"first": 0, "low": 1, "high": 9, "middle": 5}.items()):
            jobs.append(node.send("Printing", "print", {"id": name, "text": "a poem", "priority": priority}))
            wait_until(lambda number=number: in_line() == (1, number), f"{name} is in the queue")
        node.kill()
        world.take_down()
        node.start()
        answers = [node.attach(each) for each in jobs]
        assert answers == ["first is printed", "low is printed", "high is printed", "middle is printed"]
        assert [each["request_id"] for each in world.done("printer")] == ["first", "high", "middle", "low"]
        wait_until(lambda: in_line() == (0, 0), "the printer is free")

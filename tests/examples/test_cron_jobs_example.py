"""examples/cron_jobs.py on a node that is killed: each run happens once, and the job goes on."""

import pytest

from example_node import running_example
from live_node import Refused, wait_until

pytestmark = pytest.mark.live


def test_a_job_runs_on_although_the_node_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_example("cron_jobs.py", tmp_path_factory.mktemp("cron_jobs")) as (node, world):
        world.take_down("worker")
        node.call("CronJob", "clock", "create", {"cron": "* * * * * *", "task": "tick"})
        failing = "SELECT id FROM sys_invocation WHERE target = 'CronJob/clock/run' AND status = 'backing-off'"
        wait_until(lambda: node.sql(failing), "a run is under way")
        node.kill()
        world.take_down()
        node.start()
        wait_until(lambda: len(world.done("worker")) >= 3, "it runs on")
        node.call("CronJob", "clock", "cancel", None)
        with pytest.raises(Refused) as refused:
            node.call("CronJob", "clock", "info", None)
        assert refused.value.status == 404
        left = "SELECT id FROM sys_invocation WHERE target = 'CronJob/clock/run' AND status != 'completed'"
        wait_until(lambda: node.sql(left) == [], "its last message is through")
        runs = [each["request_id"] for each in world.done("worker")]
        assert len(runs) == len(set(runs))
        rows = node.sql("SELECT completion_result FROM sys_invocation WHERE target = 'CronJob/clock/run'")
        assert len(rows) == len(runs) + 1, "each run has its message, and the last one found no job"

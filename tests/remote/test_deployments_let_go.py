"""What a node holds of deployments goes with their registration."""

from __future__ import annotations

import asyncio
import gc
import weakref

from odradek.protocol.manifest import ServiceManifest, ServiceType
from odradek_engine.invoker.remote.connecting import Connector
from odradek_engine.invoker.remote.deployments import RemoteDeployments
from odradek_engine.model.registry import Deployment
from odradek_engine.node.system import SystemClock

GREETER = ServiceManifest(name="Greeter", ty=ServiceType.SERVICE, handlers=())


def deployment(number: int) -> Deployment:
    uri = f"http://127.0.0.1:{9080 + number}/"
    return Deployment(f"dp_{number}", 0, "", 5, 6, (GREETER,), in_process=False, uri=uri)


def test_one_that_is_removed_is_forgotten_and_the_others_are_not() -> None:
    async def test() -> None:
        deployments = RemoteDeployments(Connector(), "odradek", 1024, SystemClock())
        staying, going = deployment(1), deployment(2)
        kept = deployments.host(staying, 5)
        gone = weakref.ref(deployments.host(going, 5))  # type: ignore[type-var]
        deployments.keep_only([staying.id])
        gc.collect()
        assert gone() is None
        assert deployments.host(staying, 5) is kept
        await deployments.close()

    asyncio.run(test())

"""Deployments in the registry, decided by partition 0: registered, updated, removed.

The newest registration of a service serves its new invocations; when it is removed, or serves it no more, the newest of
those that are left does. A remote deployment is known by its address; one in the node's own process by its id, and it
takes no service back from a remote one merely because the node starts again.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from odradek.protocol.manifest import ServiceManifest
from odradek_engine.model.commands import RegisterDeployment, RemoveDeployment, UpdateDeployment
from odradek_engine.model.effects import RegistryChanged
from odradek_engine.model.events import DeploymentRegistered, DeploymentRemoved
from odradek_engine.model.outcomes import Done, Refused, Registered
from odradek_engine.model.registry import Deployment, RegisteredService
from odradek_engine.partition.decide.decision import Decision

TYPE_CHANGED = 409


def decide_registration(d: Decision, command: RegisterDeployment) -> None:
    """The deployment's services are known from now on."""
    deployment = command.deployment
    known = _known(d, deployment)
    if known is not None and not deployment.in_process:
        if not command.overwrite:
            d.answer(Registered(known.id, existing=True))
            return
        deployment = replace(deployment, id=known.id, created_at=known.created_at)
    changed = None if command.breaking or command.overwrite else _change_of_type(d, deployment)
    if changed is not None:
        d.answer(changed)
        return
    services = tuple(_revised(d, deployment))
    if services or known is None or known.services != deployment.services:
        _keep_settings(d, services)
        _register(d, deployment, services, known, {})
    d.effect(RegistryChanged())
    d.answer(Registered(deployment.id, existing=known is not None))


def decide_update(d: Decision, command: UpdateDeployment) -> None:
    """Another address, other headers; with `overwrite` other services too, under the revisions that they have."""
    deployment = command.deployment
    known = d.tables.deployments.get(deployment.id.encode())
    if known is None:
        d.answer(_unknown(deployment.id))
        return
    services = tuple(_replaced(d, deployment)) if command.overwrite else ()
    added = {manifest.name: 1 for manifest in deployment.services} if command.overwrite else {}
    _register(d, deployment, services, known, added)
    d.effect(RegistryChanged())
    d.answer(Registered(deployment.id, existing=True))


def decide_removal(d: Decision, command: RemoveDeployment) -> None:
    """Invocations that are pinned to it fail until it is back or they end."""
    known = d.tables.deployments.get(command.id.encode())
    if known is None:
        d.answer(_unknown(command.id))
        return
    if known.in_process:
        d.answer(Refused(409, f"The deployment '{command.id}' runs in the node's own process, and goes when that does"))
        return
    gone = tuple(_served_by(d, known))
    d.emit(DeploymentRemoved(command.id, gone))
    _hand_down(d, gone)
    d.effect(RegistryChanged())
    d.answer(Done())


def _unknown(deployment: str) -> Refused:
    return Refused(404, f"The requested deployment '{deployment}' does not exist")


def _known(d: Decision, deployment: Deployment) -> Deployment | None:
    """The same deployment as it was registered before."""
    if deployment.in_process:
        return d.tables.deployments.get(deployment.id.encode())
    return next((row for _, row in d.tables.deployments.rows() if row.uri == deployment.uri), None)


def _change_of_type(d: Decision, deployment: Deployment) -> Refused | None:
    for manifest in deployment.services:
        known = d.tables.services.get(manifest.name.encode())
        if known is not None and known.manifest.ty is not manifest.ty:
            was, now = known.manifest.ty.value, manifest.ty.value
            return Refused(TYPE_CHANGED, f"service '{manifest.name}' was a {was}, not a {now}")
    return None


def _revised(d: Decision, deployment: Deployment) -> Iterator[RegisteredService]:
    """The deployment's services with their new revisions; one in process that is what it was keeps its own."""
    for manifest in deployment.services:
        known = d.tables.services.get(manifest.name.encode())
        if known is None:
            yield RegisteredService(manifest, deployment.id, 1)
        elif not (deployment.in_process and _stays(d, known, manifest, deployment)):
            yield RegisteredService(manifest, deployment.id, known.revision + 1)


def _replaced(d: Decision, deployment: Deployment) -> Iterator[RegisteredService]:
    """The services that stay or become the deployment's; those that a newer one serves are left to that."""
    for manifest in deployment.services:
        known = d.tables.services.get(manifest.name.encode())
        if known is None:
            yield RegisteredService(manifest, deployment.id, 1)
        elif known.deployment == deployment.id:
            yield replace(known, manifest=manifest)


def _stays(d: Decision, known: RegisteredService, manifest: ServiceManifest, deployment: Deployment) -> bool:
    before = d.tables.deployments.get(deployment.id.encode())
    if known.deployment == deployment.id:  # as it was registered: its settings may have been changed since
        return before is not None and manifest in before.services
    other = d.tables.deployments.get(known.deployment.encode())
    unchanged = before is not None and before.services == deployment.services
    return unchanged and other is not None and not other.in_process


def _keep_settings(d: Decision, services: tuple[RegisteredService, ...]) -> None:
    """Settings that were given to a service stay with the deployment that it is taken from."""
    for service in services:
        taken = d.tables.services.get(service.manifest.name.encode())
        if taken is None or taken.deployment == service.deployment:
            continue
        loser = d.tables.deployments.get(taken.deployment.encode())
        if loser is None or loser.in_process or taken.manifest in loser.services:
            continue
        manifests = tuple(taken.manifest if one.name == taken.manifest.name else one for one in loser.services)
        d.emit(DeploymentRegistered(replace(loser, services=manifests), ()))


def _register(
    d: Decision,
    deployment: Deployment,
    services: tuple[RegisteredService, ...],
    known: Deployment | None,
    first_revisions: dict[str, int],
) -> None:
    """What the deployment served and does not any more goes to another one. `first_revisions`: where it has none."""
    kept = {manifest.name for manifest in deployment.services}
    before = {} if known is None else {name: n for name, n in known.revisions.items() if name in kept}
    revisions = first_revisions | before | {service.manifest.name: service.revision for service in services}
    gone = () if known is None else tuple(name for name in _served_by(d, known) if name not in kept)
    d.emit(DeploymentRegistered(replace(deployment, revisions=revisions), services, gone))
    _hand_down(d, gone)


def _hand_down(d: Decision, gone: tuple[str, ...]) -> None:
    """Each of these services to the deployment that has it at its highest revision, if there is one."""
    for name in gone:
        others = [row for _, row in d.tables.deployments.rows() if name in row.revisions]
        if others:
            heir = max(others, key=lambda row: row.revisions[name])
            (manifest,) = (one for one in heir.services if one.name == name)
            d.emit(DeploymentRegistered(heir, (RegisteredService(manifest, heir.id, heir.revisions[name]),)))


def _served_by(d: Decision, deployment: Deployment) -> Iterator[str]:
    for manifest in deployment.services:
        service = d.tables.services.get(manifest.name.encode())
        if service is not None and service.deployment == deployment.id:
            yield manifest.name

"""What an action on an invocation came to, as a status and a text: one for a request, a shorter one in a batch."""

from __future__ import annotations

from typing import Final

from odradek_engine.admin.errors import AdminError
from odradek_engine.model.outcomes import (
    Accepted,
    AlreadyCompleted,
    AnyOutcome,
    Appended,
    DeploymentFixed,
    Done,
    InputGone,
    NotCompleted,
    NotFound,
    NotRestartable,
    NotRunning,
    NotStarted,
    PrefixOpen,
    Refused,
    UnknownDeployment,
)

RESTART: Final = "restart-as-new"
RESUME: Final = "resume"

_ENDED: Final = "The invocation '{}' was already completed."
_UNFINISHED: Final = "The invocation '{}' is not yet completed."
_REFUSALS: Final[dict[type, tuple[int, str]]] = {
    NotFound: (404, "The requested invocation '{}' does not exist"),
    AlreadyCompleted: (409, _ENDED),
    NotCompleted: (409, _UNFINISHED),
    NotRunning: (409, "The invocation '{}' is not running, cannot be paused."),
    InputGone: (
        410,
        "The invocation '{}' cannot be restarted because the input is not available. "
        "This indicates that the journal was already purged, or not retained at all.",
    ),
    NotRestartable: (
        422,
        "Restarting the invocation '{}' is not supported. "
        "Restarting workflows is not supported, and restarting invocations created using the old service protocol.",
    ),
    PrefixOpen: (
        400,
        "The prefix of the journal '{}' up to 'from' (included) contains some Commands without respective Completions.",
    ),
    DeploymentFixed: (
        409,
        "The invocation '{}' is still running or the deployment id is not pinned yet, deployment id cannot be changed.",
    ),
}
_REFUSALS_OF: Final[dict[tuple[str, type], tuple[int, str]]] = {
    (RESUME, AlreadyCompleted): (409, "The invocation '{}' is completed, cannot be resumed."),
    (RESUME, NotStarted): (425, "The invocation '{}' is either inboxed or scheduled, cannot be resumed."),
    (RESUME, UnknownDeployment): (
        400,
        "The given deployment was not found when trying to resume the invocation '{}'.",
    ),
    (RESTART, NotCompleted): (409, "The invocation '{}' is still running."),
    (RESTART, NotStarted): (425, "The invocation '{}' cannot be restarted because it's not running yet."),
    (RESTART, UnknownDeployment): (
        400,
        "The given deployment was not found when trying to restart as new the invocation '{}'.",
    ),
}
_IN_BATCHES: Final[dict[tuple[str, type], str]] = {
    (RESUME, DeploymentFixed): "Cannot change deployment ID for invocation '{}'",
    (RESUME, UnknownDeployment): "Deployment not found when resuming invocation '{}'",
    (RESTART, UnknownDeployment): "Deployment not found when restarting invocation '{}'",
    (RESTART, InputGone): "Invocation '{}' cannot be restarted because the input is not available",
    (RESTART, NotRestartable): "Restarting invocation '{}' is not supported",
}


def status_of(action: str, outcome: AnyOutcome, invocation: str) -> int:
    """200 or 202; raises where the action was refused."""
    if isinstance(outcome, Done | Accepted):
        return 200
    if isinstance(outcome, Appended):
        return 202
    status, text = _refusal(action, outcome)
    raise AdminError(status, text.format(invocation))


def complaint_of(action: str, outcome: AnyOutcome, invocation: str) -> str | None:
    """Why it was refused, in a batch's words; None where it was done."""
    if isinstance(outcome, Done | Appended | Accepted):
        return None
    if isinstance(outcome, NotFound):
        return f"Invocation '{invocation}' not found"
    text = _IN_BATCHES.get((action, type(outcome)))
    if text is None:
        text = _refusal(action, outcome)[1].replace("The invocation", "Invocation").removesuffix(".")
    return text.format(invocation)


def _refusal(action: str, outcome: AnyOutcome) -> tuple[int, str]:
    if isinstance(outcome, Refused):
        return outcome.code, outcome.message.replace("{", "{{").replace("}", "}}")
    return _REFUSALS_OF.get((action, type(outcome))) or _REFUSALS[type(outcome)]

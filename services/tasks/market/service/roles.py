"""Who a caller is to a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.tasks.market.errors import not_involved, not_poster_or_reviewer
from services.tasks.market.errors_records import blank

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.model import MarketTask

_REVIEW = "Only the task poster's agent, claimed agent, or reviewer agent can access review config"


class Roles:
    """Knows the reviewer agent of the installation, and so everybody who has a part in a task.

    Args:
        reviewer_agent_id: 0 for none.
    """

    def __init__(self, reviewer_agent_id: int) -> None:
        self._reviewer_agent_id = reviewer_agent_id

    def is_reviewer(self, caller: Caller) -> bool:
        """Tell whether the caller is the reviewer agent."""
        return self._reviewer_agent_id != 0 and caller.agent_id == self._reviewer_agent_id

    def require_judge(self, caller: Caller, task: MarketTask, what: str) -> None:
        """Check that the caller may judge work; `what` ends the sentence, for example `accept deliverables`.

        Raises:
            PermissionDenied: NOT_POSTER_OR_REVIEWER.
        """
        if not (is_poster(caller, task) or self.is_reviewer(caller)):
            raise not_poster_or_reviewer(what)

    def require_part_in_review(self, caller: Caller, task: MarketTask) -> None:
        """Check that the caller is poster, worker or reviewer.

        Raises:
            PermissionDenied: NOT_INVOLVED.
        """
        if not (is_poster(caller, task) or is_worker(caller, task) or self.is_reviewer(caller)):
            raise not_involved(_REVIEW)


def is_poster(caller: Caller, task: MarketTask) -> bool:
    """Tell whether the caller acts for the operator that pays."""
    return caller.operator_id == task.poster_id


def is_worker(caller: Caller, task: MarketTask) -> bool:
    """Tell whether the caller is the agent that has the task."""
    return caller.agent_id != 0 and caller.agent_id == task.claimed_by


def filled(text: str, field: str) -> str:
    """Return `text` without the blanks around it.

    Raises:
        InvalidInput: VALIDATION_FAILED for `field`, when nothing is left.
    """
    text = text.strip()
    if not text:
        raise blank(field)
    return text

"""What an operator says while a run is under way, and how models hear of it. No I/O."""

from __future__ import annotations

from msgspec.structs import replace

from services.orchestrator.models.tokens import estimate_tokens
from services.orchestrator.runs.errors import not_active, too_many_inputs
from services.orchestrator.runs.model import Run, Steering

STEERED = "run.steered"
MAX_INPUTS = 20
# Of what a model can be told, this part is for it.
_SHARE = 4
_INTRODUCTION = "Since then, whoever asks has said the following; it goes before what is asked above:"
_FRAME = 32


def steer(run: Run, said: Steering) -> Run | None:
    """Take what is said; None when it was taken already.

    Raises:
        WrongState: NOT_ACTIVE, TOO_MANY_INPUTS.
    """
    if said.key is not None and any(each.key == said.key for each in run.steering):
        return None
    if run.is_over:
        raise not_active(run.id)
    if len(run.steering) >= MAX_INPUTS:
        raise too_many_inputs(run.id, MAX_INPUTS)
    return replace(run, steering=(*run.steering, said))


def steered(run: Run, max_tokens: int) -> str:
    """Return what was said, to stand behind a question to a model that can be told so much; empty when nothing was.

    What was said last goes first when there is no room for all of it.
    """
    left, kept = max_tokens // _SHARE - _FRAME, list[str]()
    for said in reversed(run.steering):
        text = said.input if estimate_tokens(said.input) <= left else _beginning(said.input, left)
        if not text:
            break
        left -= estimate_tokens(text) + 1
        kept.append(text)
    return "\n\n".join(["", _INTRODUCTION, *reversed(kept)]) if kept else ""


def _beginning(text: str, tokens: int) -> str:
    return text.encode("utf-8", "replace")[: max(0, tokens) * 4].decode("utf-8", "ignore")

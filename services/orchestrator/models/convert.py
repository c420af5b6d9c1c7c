"""Models as messages."""

from __future__ import annotations

from piecework.orchestrator.v1 import models_pb2 as pb

from services.orchestrator.models.model import Completion, ModelSpec


def model_to_proto(spec: ModelSpec) -> pb.Model:
    """Return the message of a model; where it is, and its key, are nobody's business."""
    return pb.Model(
        id=spec.id,
        label=spec.label or spec.id,
        badge=spec.badge,
        description=spec.description,
        usage_multiple=spec.usage_multiple,
        reasoning_effort_levels=spec.reasoning_effort_levels,
        default_reasoning_effort=spec.default_reasoning_effort,
        context_length=spec.context_length,
        input_credits_per_1k=float(spec.input_credits_per_1k),
        output_credits_per_1k=float(spec.output_credits_per_1k),
        paid=spec.paid,
    )


def completion_to_proto(completion: Completion) -> pb.GenerateResponse:
    """Return the message of an answer."""
    return pb.GenerateResponse(
        text=completion.text,
        tokens_in=completion.tokens_in,
        tokens_out=completion.tokens_out,
        model_id=completion.model_id,
    )

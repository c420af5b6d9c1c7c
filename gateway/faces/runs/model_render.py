"""Models as the answer that this face documents."""

from __future__ import annotations

from msgspec import UNSET
from piecework.orchestrator.v1 import models_pb2

from gateway.faces.runs import schemas


def models(found: models_pb2.ListModelsResponse) -> schemas.Models:
    """Return the models there are."""
    options = [
        schemas.ModelOption(
            id=model.id,
            label=model.label,
            badge=model.badge,
            context_length=model.context_length,
            input_credits_per_1k=model.input_credits_per_1k,
            output_credits_per_1k=model.output_credits_per_1k,
            requires_paid_plan=model.paid,
            description=model.description or UNSET,
            usage_multiple=model.usage_multiple or UNSET,
            reasoning_effort_levels=list(model.reasoning_effort_levels) or UNSET,
            default_reasoning_effort=model.default_reasoning_effort or UNSET,
        )
        for model in found.models
    ]
    return schemas.Models(bool(options), found.default_model_id, options)

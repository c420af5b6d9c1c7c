"""The models there are."""

from __future__ import annotations

from piecework.orchestrator.v1 import models_pb2

from gateway.call import Call
from gateway.faces.runs import model_render, schemas
from gateway.faces.runs.routes.table import Rows
from gateway.routing import Access, Route

PATH = "/api/v1/models"


async def list_models(call: Call) -> schemas.Models:
    """List the models."""
    found: models_pb2.ListModelsResponse = await call.send(call.peers.models.ListModels)
    return model_render.models(found)


def routes(rows: Rows) -> list[Route]:
    """Return the row of models."""
    return rows.at(
        [PATH],
        "GET",
        "listModels",
        "List the models that runs may use",
        list_models,
        answer=schemas.Models,
        request=models_pb2.ListModelsRequest,
        access=Access.OPEN,
        errors=(401, 403),
        tag="Models",
    )

"""The document tells the truth: it is valid, complete, and has the rules of the contract."""

from __future__ import annotations

from typing import Any

import openapi_spec_validator
import pytest

from gateway.faces import market, runs, tools
from gateway.faces.queue.routes import ROUTES
from gateway.routing import Access
from tests.gateway.site import Site


@pytest.fixture(scope="module")
async def document(site: Site) -> Any:
    reply = await site.send("GET", "/openapi.json", key=None)
    assert reply.status == 200
    return reply.json


async def test_it_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    openapi_spec_validator.validate(document)


async def test_every_route_is_there_with_every_status(document: Any) -> None:
    for route in (*ROUTES, *(route for face in (*market.faces(), runs.face(), tools.face()) for route in face.routes)):
        operation = document["paths"][route.path][route.method.lower()]
        expected = {route.status, 401, 422, 429, 500, 503, *route.errors}
        if route.name == "login":
            expected.add(404)
        if route.access is Access.AGENT:
            assert operation["security"] == [{"agent": []}]
        if route.body is not None:
            expected |= {400, 413}
            assert operation["requestBody"]["required"] is route.body_required
        if route.access is Access.OPEN and route.request is not None:
            assert {} in operation["security"], "a credential is welcome, and not needed"
        assert set(map(int, operation["responses"])) == expected, route.name
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert set(route.parameters) <= names


async def test_it_has_the_paths_of_operations_too(document: Any) -> None:
    assert {"/health", "/metrics", "/metrics/json", "/openapi.json", "/api/docs"} <= set(document["paths"])


async def test_rules_of_the_contract_are_in_the_schemas(document: Any) -> None:
    schemas = document["components"]["schemas"]
    project = schemas["NewProject"]["properties"]
    assert project["name"] == {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-zA-Z0-9_-]+$"}
    assert schemas["NewProject"]["required"] == ["name", "description"]
    assert schemas["NewProject"]["additionalProperties"] is False
    settings = schemas["ProjectSettings"]["properties"]
    assert settings["defaultMaxRetries"] == {"type": "integer", "minimum": 0, "maximum": 10}
    variables = schemas["NewTaskItem"]["properties"]["variables"]
    assert variables["maxProperties"] == 50
    assert variables["additionalProperties"] == {"type": "string", "maxLength": 1000}
    assert variables["propertyNames"]["pattern"] == "^[a-zA-Z][a-zA-Z0-9_]*$"
    assert schemas["NewTasks"]["properties"]["tasks"]["maxItems"] == 1000
    assert schemas["NewTaskType"]["properties"]["duplicateHandling"]["enum"] == ["allow", "fail", "ignore"]
    listed = document["paths"]["/api/projects"]["get"]["parameters"]
    limit = next(parameter for parameter in listed if parameter["name"] == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100}


async def test_rules_of_the_market_are_in_the_schemas(document: Any) -> None:
    schemas = document["components"]["schemas"]
    task = schemas["NewMarketTask"]
    assert task["required"] == ["title", "description", "budget_credits"]
    assert task["properties"]["title"] == {"type": "string", "minLength": 5, "maxLength": 200}
    assert task["properties"]["budget_credits"]["minimum"] == 10
    assert task["properties"]["max_revisions"]["maximum"] == 5
    assert "additionalProperties" not in task, "unknown names are ignored"
    assert schemas["NewClaims"]["properties"]["claims"]["maxItems"] == 10
    parameters = document["paths"]["/api/v1/tasks"]["get"]["parameters"]
    shown = {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
    assert set(shown) == {"status", "category", "min_budget", "max_budget", "limit", "cursor", "sort"}
    assert shown["limit"] == {"type": "integer", "minimum": 1, "maximum": 100}
    assert shown["sort"]["enum"] == ["budget_high", "budget_low", "newest", "oldest"]
    path = document["paths"]["/api/v1/tasks/{taskId}"]["get"]
    assert path["parameters"][0]["schema"] == {"type": "integer", "minimum": 1}
    assert path["responses"]["404"] == {"$ref": "#/components/responses/MarketError404"}
    error = document["components"]["responses"]["MarketError404"]["content"]["application/json"]["schema"]
    assert error == {"$ref": "#/components/schemas/MarketError"}


async def test_rules_of_runs_are_in_the_schemas(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["NewRun"]["properties"]["prompt"] == {"type": "string", "minLength": 1, "maxLength": 10000}
    assert schemas["NewRun"]["required"] == ["prompt"]
    assert schemas["TaskState"]["required"] == ["taskId", "status"], "what is not known is left out"
    status = document["paths"]["/api/v1/developer/status/{taskId}"]["get"]
    assert "request-id" in status["responses"]["200"]["headers"]
    error = document["components"]["responses"]["RunsError404"]["content"]["application/json"]["schema"]
    assert error == {"$ref": "#/components/schemas/RunsError"}
    upload = document["paths"]["/api/v1/files"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(upload["properties"]) == {"file", "purpose", "mime_type"}
    cancel = document["paths"]["/api/v1/tasks/task_{runId}/cancel"]["post"]
    assert [each["name"] for each in cancel["parameters"] if each["in"] == "path"] == ["runId"]
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))


async def test_documentation_is_served_from_here_alone(site: Site) -> None:
    page = await site.send("GET", "/api/docs", key=None)
    assert page.status == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert (await site.send("GET", f"/api/docs/{name}", key=None)).status == 200
    start = await site.send("GET", "/api/docs/start.js", key=None)
    assert "validatorUrl: null" in start.text
    assert (await site.send("GET", "/api/docs/index.html", key=None)).status == 404
    assert (await site.send("GET", "/api/docs/..%2froutes.py", key=None)).status == 404

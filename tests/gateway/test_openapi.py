"""The document tells the truth: it is valid, complete, and has the rules of the contract."""

from __future__ import annotations

from typing import Any

import openapi_spec_validator
import pytest

from gateway.faces.queue.routes import ROUTES
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
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        expected = {route.status, 401, 422, 429, 500, 503, *route.errors}
        if route.name == "login":
            expected.add(404)
        if route.body is not None:
            expected |= {400, 413}
            assert operation["requestBody"]["required"]
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

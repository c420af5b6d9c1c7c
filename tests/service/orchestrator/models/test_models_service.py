"""Models over gRPC: what anybody may see of them, and answers for our own processes."""

from __future__ import annotations

import psutil
import pytest
from piecework.orchestrator.v1 import models_pb2 as pb

from kit.caller import ANONYMOUS
from kit.errors import InvalidInput, PermissionDenied, Unavailable
from services.orchestrator.models.model import USER, ChatMessage
from services.orchestrator.models.providers.local import is_installed
from tests.service.hosting import refused
from tests.service.orchestrator.features import OWNER, SERVICE, Features


async def test_anybody_may_see_the_models(features: Features) -> None:
    answer = await features.call(features.models.ListModels, pb.ListModelsRequest(), ANONYMOUS)
    assert answer.default_model_id == "piecework/mock"
    mock = answer.models[0]
    assert (mock.id, mock.label, mock.badge, mock.paid) == ("piecework/mock", "Mock", "Built in", False)
    assert (mock.input_credits_per_1k, mock.output_credits_per_1k, mock.context_length) == (0.1, 0.2, 32768)
    assert [model.id for model in answer.models][1:] == ["piecework/smollm2-135m"] * is_installed()


async def test_a_service_gets_an_answer(features: Features) -> None:
    request = pb.GenerateRequest(system="You are brief.", prompt="What is this? [[mock answer=A_test]]")
    answer = await features.call(features.models.Generate, request, SERVICE)
    assert (answer.text, answer.model_id, answer.tokens_out) == ("A test", "piecework/mock", 2)
    assert answer.tokens_in > 0


async def test_nobody_else_does(features: Features) -> None:
    for caller in (OWNER, ANONYMOUS):
        with refused("SERVICES_ONLY", PermissionDenied):
            await features.call(features.models.Generate, pb.GenerateRequest(prompt="x"), caller)


@pytest.mark.parametrize(
    ("prompt", "model", "reason", "kind"),
    [
        ("x", "no/such", "MODEL_UNKNOWN", InvalidInput),
        ("x [[mock fail=garbage]]", "", "MODEL_ANSWER_INVALID", Unavailable),
        ("x [[mock fail=rate_limited retry_after=60]]", "", "MODEL_UNAVAILABLE", Unavailable),
        ("", "", "VALIDATION_FAILED", InvalidInput),
    ],
)
async def test_failures_reach_the_caller(
    features: Features, prompt: str, model: str, reason: str, kind: type[InvalidInput]
) -> None:
    with refused(reason, kind):
        await features.call(features.models.Generate, pb.GenerateRequest(prompt=prompt, model_id=model), SERVICE)


@pytest.mark.skipif(not is_installed(), reason="the extra local-llm is not installed")
@pytest.mark.timeout(300)
async def test_a_real_model_answers_without_a_network(features: Features) -> None:
    parts = features.model_parts
    heard: list[str] = []
    ask = [ChatMessage(USER, "Say: yes")]
    completion = await parts.service.complete(
        "piecework/smollm2-135m", ask, max_tokens=4, on_text=heard.append, timeout_seconds=240
    )
    assert completion.text.strip()
    assert completion.text == "".join(heard)
    assert 0 < completion.tokens_out <= 4
    assert not completion.estimated
    (server,) = [child for child in psutil.Process().children() if "local_program" in " ".join(child.cmdline())]
    server.kill()
    server.wait(10)
    again = await parts.service.complete("piecework/smollm2-135m", ask, max_tokens=4, timeout_seconds=240)
    assert again.text == completion.text

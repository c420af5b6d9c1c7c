"""Settings: what the environment may say and what is refused."""

from __future__ import annotations

import io
from ipaddress import ip_network

import pytest
from rich.console import Console

from kit.settings import Settings, SettingsError

SECRET = "s3cret-" * 6


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.rate_limits) == ("127.0.0.1", 8080, True)
    assert settings.queue_rate_limit == "100/15 minutes"
    assert settings.cors_origins == ("*",)


_ENVIRONMENT = {
    "PIECEWORK_MONGODB_URI": "mongodb://u:p@db:27017/?replicaSet=rs0",
    "PIECEWORK_REDIS_URL": "redis://:p@cache:6379/0",
    "PIECEWORK_DATABASE_PREFIX": "pw-1",
    "PIECEWORK_CALLER_KEY": SECRET,
    "PIECEWORK_ENCRYPTION_KEYS": f"new:{'0A' * 32}, old:{'b1' * 32}",
    "PIECEWORK_REVIEWER_AGENT_ID": "12",
    "PIECEWORK_TASKS_ADDRESS": "dns:///tasks:7001",
    "PIECEWORK_AGENTS_ADDRESS": "127.0.0.1:7002",
    "PIECEWORK_BILLING_ADDRESS": "[::1]:7003",
    "PIECEWORK_ORCHESTRATOR_ADDRESS": "orchestrator:7004",
    "PIECEWORK_HOST": "0.0.0.0",
    "PIECEWORK_PORT": "0",
    "PIECEWORK_GRPC_PORT": "7000",
    "PIECEWORK_METRICS_PORT": "9000",
    "PIECEWORK_RATE_LIMITS": "OFF",
    "PIECEWORK_QUEUE_RATE_LIMIT": "5/second; 100/minute",
    "PIECEWORK_CORS_ORIGINS": "https://a.example, https://b.example/",
    "PIECEWORK_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
    "PIECEWORK_LOG_LEVEL": "debug",
    "PIECEWORK_LOG_FILE": "piecework.log",
    "PIECEWORK_DRAIN_SECONDS": "2.5",
    "PIECEWORK_WEBHOOKS_ALLOW_LOOPBACK": "on",
    "PIECEWORK_VERCEL_TOKEN": "v-token",
    "PIECEWORK_VERCEL_TEAM": "team_1",
    "PIECEWORK_VERCEL_URL": "http://vercel.example",
    "PIECEWORK_GITHUB_TOKEN": "g-token",
    "PIECEWORK_GITHUB_URL": "https://github.example/api/v3",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
    "PIECEWORK_TRACE_SAMPLE_RATIO": "0.25",
}


def test_every_variable_is_read() -> None:
    settings = Settings.from_environment(_ENVIRONMENT)
    assert settings == Settings(
        mongodb_uri="mongodb://u:p@db:27017/?replicaSet=rs0",
        redis_url="redis://:p@cache:6379/0",
        database_prefix="pw-1",
        caller_key=SECRET,
        encryption_keys=(("new", "0A" * 32), ("old", "b1" * 32)),
        reviewer_agent_id=12,
        tasks_address="dns:///tasks:7001",
        agents_address="127.0.0.1:7002",
        billing_address="[::1]:7003",
        orchestrator_address="orchestrator:7004",
        host="0.0.0.0",
        port=0,
        grpc_port=7000,
        metrics_port=9000,
        rate_limits=False,
        queue_rate_limit="5/second; 100/minute",
        cors_origins=("https://a.example", "https://b.example"),
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1")),
        log_level="DEBUG",
        log_file="piecework.log",
        drain_seconds=2.5,
        webhooks_allow_loopback=True,
        vercel_token="v-token",
        vercel_team="team_1",
        vercel_url="http://vercel.example",
        github_token="g-token",
        github_url="https://github.example/api/v3",
        otlp_endpoint="http://collector:4317",
        trace_sample_ratio=0.25,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PIECEWORK_MONGODB_URI", "localhost:27017"),
        ("PIECEWORK_REDIS_URL", "http://cache"),
        ("PIECEWORK_DATABASE_PREFIX", "a.b"),
        ("PIECEWORK_REVIEWER_AGENT_ID", "-1"),
        ("PIECEWORK_TASKS_ADDRESS", "tasks"),
        ("PIECEWORK_PORT", "65536"),
        ("PIECEWORK_PORT", "-1"),
        ("PIECEWORK_GRPC_PORT", "²"),
        ("PIECEWORK_RATE_LIMITS", "perhaps"),
        ("PIECEWORK_QUEUE_RATE_LIMIT", "many"),
        ("PIECEWORK_CORS_ORIGINS", "app.example.com"),
        ("PIECEWORK_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("PIECEWORK_LOG_LEVEL", "loud"),
        ("PIECEWORK_DRAIN_SECONDS", "-1"),
        ("PIECEWORK_DRAIN_SECONDS", "inf"),
        ("PIECEWORK_TRACE_SAMPLE_RATIO", "nan"),
        ("PIECEWORK_TRACE_SAMPLE_RATIO", "1.1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable} must be "):
        Settings.from_environment({variable: value})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PIECEWORK_CALLER_KEY", "hunter2"),
        ("PIECEWORK_MONGODB_URI", "http://u:hunter2@db"),
        ("PIECEWORK_ENCRYPTION_KEYS", "hunter2"),
        ("PIECEWORK_ENCRYPTION_KEYS", f"hunter2:{'00' * 31}"),
        ("PIECEWORK_ENCRYPTION_KEYS", f"hunter2:{'00' * 32},hunter2:{'01' * 32}"),
    ],
)
def test_a_wrong_secret_is_not_shown(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as failed:
        Settings.from_environment({variable: value})
    assert "hunter2" not in str(failed.value)


def test_secrets_do_not_show() -> None:
    settings = Settings(
        mongodb_uri="mongodb://u:hunter2@db",
        redis_url="redis://:hunter2@c",
        caller_key="hunter2" * 6,
        encryption_keys=(("id", "hunter2"),),
    )
    output = io.StringIO()
    Console(file=output, width=400).print(settings)
    for shown in (repr(settings), str(settings), f"{settings}", output.getvalue()):
        assert "hunter2" not in shown
        assert "database_prefix='piecework'" in shown


def test_replace_changes_a_copy() -> None:
    settings = Settings()
    assert settings.replace(port=1).port == 1
    assert settings.port == 8080
    with pytest.raises(TypeError):
        settings.replace(prot=1)


def test_require_names_everything_that_is_missing() -> None:
    with pytest.raises(SettingsError, match=r"^set PIECEWORK_MONGODB_URI and PIECEWORK_CALLER_KEY$"):
        Settings(redis_url="redis://c").require("mongodb_uri", "redis_url", "caller_key")
    Settings(redis_url="redis://c").require("redis_url")

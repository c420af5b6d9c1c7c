"""Settings: everything the environment may say, read once and checked at the start.

Only this module and `launch` read the environment; everything else gets what it needs through its constructor.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import msgspec

from kit import setting_values as values
from kit.setting_values import SettingsError

__all__ = ["Settings", "SettingsError", "secret_variable"]

Network = IPv4Network | IPv6Network
_SECRETS = frozenset({"mongodb_uri", "redis_url", "caller_key", "encryption_keys", "github_token", "vercel_token"})
_ENVIRONMENT = {"otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process.

    Each field is read from the variable `PIECEWORK_` plus its name in upper case, `otlp_endpoint` from the variable
    that OpenTelemetry defines.

    Attributes:
        mongodb_uri: the connection string of MongoDB; empty: none is configured.
        redis_url: the address of Redis or Valkey; empty: none is configured.
        replica: names this process among the replicas; no two that run may share it. One that starts again under its
            old name takes its duties back at once. Made up when empty.
        database_prefix: what the names of all databases begin with.
        caller_key: the secret with which processes sign whom they act for, the same in all of one installation; at
            least 32 characters.
        encryption_keys: ids and keys of the secrets that are kept for others, the newest first; see `kit.keyring`.
        reviewer_agent_id: the agent that reviews the work of every task; 0: none.
        tasks_address: `host:port` or gRPC target of the tasks service; empty: it is in this process. Likewise
            `agents_address`, `billing_address` and `orchestrator_address`.
        host: the address to listen on.
        port: the port of the gateway; 0: any.
        grpc_port: the port of the services of this process; 0: any.
        metrics_port: the port of health and metrics in a process without a gateway; 0: any.
        rate_limits: whether the gateway limits the rate of requests.
        queue_rate_limit: the limit per client address of the queue face, in the notation of the `limits` library.
        cors_origins: the origins that browsers may call from; `*` is any.
        trusted_proxies: the networks whose `X-Forwarded-For` is believed.
        log_level: the least severe level that is logged.
        log_file: the file that gets the log; empty: standard error.
        drain_seconds: how long requests under way may take to end after SIGTERM.
        webhooks_allow_loopback: whether webhooks may lead to this machine, also without TLS, for development; when it
            is not set, only those of `piecework up` may.
        vercel_token: of the Vercel account that makes previews of repositories; empty: nobody makes any.
        vercel_team: the id of its team; empty for a personal account.
        vercel_url: the API of Vercel.
        github_token: raises GitHub's limit of calls; public repositories need none.
        github_url: the API of GitHub.
        models_file: a file with more language models, in YAML; empty: there are only the built-in ones.
        storage_quota_bytes: how much the files of an operator may take.
        otlp_endpoint: where traces go; empty: nothing is traced.
        trace_sample_ratio: the share of traces that are kept when the caller did not decide, 0 to 1.
    """

    mongodb_uri: str = ""
    redis_url: str = ""
    replica: str = ""
    database_prefix: str = "piecework"
    caller_key: str = ""
    encryption_keys: tuple[tuple[str, str], ...] = ()
    reviewer_agent_id: int = 0
    tasks_address: str = ""
    agents_address: str = ""
    billing_address: str = ""
    orchestrator_address: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int = 0
    metrics_port: int = 0
    rate_limits: bool = True
    queue_rate_limit: str = "100/15 minutes"
    cors_origins: tuple[str, ...] = ("*",)
    trusted_proxies: tuple[Network, ...] = ()
    log_level: str = "INFO"
    log_file: str = ""
    drain_seconds: float = 8.0
    webhooks_allow_loopback: bool | None = None
    vercel_token: str = ""
    vercel_team: str = ""
    vercel_url: str = "https://api.vercel.com"
    github_token: str = ""
    github_url: str = "https://api.github.com"
    models_file: str = ""
    storage_quota_bytes: int = 40 * 1024**3
    otlp_endpoint: str = ""
    trace_sample_ratio: float = 1.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings that `environ` describes; an empty variable counts as one that is not set.

        Raises:
            SettingsError: a value is wrong; the message names the variable and never shows a secret.
        """
        given: dict[str, Any] = {}
        for name, read in _READERS.items():
            text = environ.get(variable(name), "").strip()
            if not text:
                continue
            try:
                given[name] = read(text)
            except ValueError as error:
                shown = "" if name in _SECRETS else f", not {text!r}"
                raise SettingsError(f"{variable(name)} must be {error}{shown}") from None
        return cls(**given)

    def replace(self, **changes: Any) -> Settings:
        """Return a copy with other values for some fields."""
        return msgspec.structs.replace(self, **changes)

    def require(self, *names: str) -> None:
        """Check that fields which may be empty elsewhere are set here.

        Raises:
            SettingsError: some are empty; the message names all their variables.
        """
        missing = [variable(name) for name in names if not getattr(self, name)]
        if missing:
            raise SettingsError(f"set {' and '.join(missing)}")

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, "***" if value and name in _SECRETS else value) for name, value in fields]


def secret_variable(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return what is in an environment variable that a file of the operator's names; "" when it is not set.

    It is not read once like the settings: the file may change while the process runs.
    """
    return environ.get(name, "").strip()


def variable(name: str) -> str:
    """Return the name of the environment variable of the field `name`."""
    return _ENVIRONMENT.get(name, f"PIECEWORK_{name.upper()}")


_READERS = {
    "mongodb_uri": values.url("mongodb", "mongodb+srv"),
    "redis_url": values.url("redis", "rediss", "unix"),
    "replica": values.text,
    "database_prefix": values.database_prefix,
    "caller_key": values.long_secret,
    "encryption_keys": values.encryption_keys,
    "reviewer_agent_id": values.number,
    "tasks_address": values.address,
    "agents_address": values.address,
    "billing_address": values.address,
    "orchestrator_address": values.address,
    "host": values.text,
    "port": values.port,
    "grpc_port": values.port,
    "metrics_port": values.port,
    "rate_limits": values.switch,
    "queue_rate_limit": values.rate_limit,
    "cors_origins": values.origins,
    "trusted_proxies": values.networks,
    "log_level": values.log_level,
    "log_file": values.text,
    "drain_seconds": values.seconds,
    "webhooks_allow_loopback": values.switch,
    "vercel_token": values.text,
    "vercel_team": values.text,
    "vercel_url": values.url("http", "https"),
    "github_token": values.text,
    "github_url": values.url("http", "https"),
    "models_file": values.text,
    "storage_quota_bytes": values.number,
    "otlp_endpoint": values.url("http", "https"),
    "trace_sample_ratio": values.ratio,
}

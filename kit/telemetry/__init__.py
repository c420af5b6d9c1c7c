"""Traces from the client to the database, in the terms of OpenTelemetry and W3C trace context.

Without an exporter nothing here is active: no interceptor, no middleware, no listener.
"""

from kit.telemetry.tracing import Telemetry, configure

__all__ = ["Telemetry", "configure"]

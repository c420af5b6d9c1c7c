"""What every gRPC server does around its handlers, one module each.

Their order, the outermost first: telemetry, access, errors, caller, validation, idempotency.
"""

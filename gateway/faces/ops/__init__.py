"""The operations face: health, metrics, and the documentation of all faces."""

from gateway.faces.ops.routes import Operations, face

__all__ = ["Operations", "face"]

"""The face of multi-agent runs: `/api/developer`, `/api/v1/developer` and what belongs to them."""

from gateway.faces.runs.face import face

__all__ = ["face"]

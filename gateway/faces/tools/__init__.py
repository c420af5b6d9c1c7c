"""The free tools, `/api/v1/brief` and `/api/v1/signature`: small helps before a task is posted, open to everybody."""

from gateway.faces.tools.face import face

__all__ = ["face"]

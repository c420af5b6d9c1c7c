"""The queue face, `/api/...`: projects, task types, tasks, and workers that lease them."""

from gateway.faces.queue.face import face

__all__ = ["face"]

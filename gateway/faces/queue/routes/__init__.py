"""The table of the queue face, one module per chapter."""

from gateway.faces.queue.routes import auth, events, projects, tasks, types, work

ROUTES = (*auth.ROUTES, *projects.ROUTES, *types.ROUTES, *tasks.ROUTES, *work.ROUTES, *events.ROUTES)

__all__ = ["ROUTES"]

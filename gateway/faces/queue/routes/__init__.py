"""The table of the queue face, one module per chapter."""

from gateway.faces.queue.routes import auth, events, projects, tasks, types, work

# The most travelled first: the router tries the routes below a common path in this order.
ROUTES = (*tasks.ROUTES, *work.ROUTES, *projects.ROUTES, *types.ROUTES, *events.ROUTES, *auth.ROUTES)
CHAPTERS = ("Authentication", "Projects", "Task types", "Tasks", "Work", "Events")

__all__ = ["CHAPTERS", "ROUTES"]

"""The table of the runs face, one module per chapter."""

from __future__ import annotations

from gateway.faces.runs.quota import Quotas
from gateway.faces.runs.routes import account, control, files, models, runs, stream, threads, uploads
from gateway.faces.runs.routes.table import NEW_BASE, OLD_BASE, Rows
from gateway.routing import Route

PREFIX = OLD_BASE
MORE_PREFIXES = (
    NEW_BASE,
    models.PATH,
    "/api/v1/stream",
    "/api/stream",
    "/api/v1/files",
    *files.ATTACHMENTS,
    f"{control.TASKS}/{control.ID_PREFIX}",
    f"{control.TASKS}/active",
)
CHAPTERS = ("Runs", "Live runs", "Runs under way", "Threads", "Files", "Models", "Usage and keys")


def routes(quotas: Quotas) -> tuple[Route, ...]:
    """Return the whole table, the most travelled first."""
    rows = Rows(quotas)
    chapters = (runs, stream, threads, files, uploads, models, control, account)
    return tuple(route for chapter in chapters for route in chapter.routes(rows))

"""The market face, `/api/v1/...`: tasks with a budget in escrow, claims, deliverables, reviews, webhooks."""

from gateway.faces.market.face import faces

__all__ = ["faces"]

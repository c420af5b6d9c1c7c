"""The market: tasks with a budget in escrow, claims, deliverables, reviews."""

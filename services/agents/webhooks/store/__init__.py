"""Webhooks, endpoints and deliveries in MongoDB."""

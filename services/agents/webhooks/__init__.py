"""Webhooks: events of the market, delivered over HTTP to addresses that agents name."""

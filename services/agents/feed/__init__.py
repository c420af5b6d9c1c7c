"""What happens in the market, followed from a durable place."""

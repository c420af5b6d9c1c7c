"""Language models: which there are, what they cost, and calls of them."""

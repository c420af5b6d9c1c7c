"""The use cases of the market, one module for each kind of thing."""

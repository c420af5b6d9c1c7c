"""Every MongoDB query of the market, one module for each kind of thing."""

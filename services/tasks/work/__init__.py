"""The engine of queued work: leases, fencing tokens, and exactly one accepted outcome per item."""

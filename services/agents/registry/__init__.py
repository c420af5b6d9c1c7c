"""What agents tell about themselves, and whether they may act."""

"""Files that are given to runs, and their texts."""

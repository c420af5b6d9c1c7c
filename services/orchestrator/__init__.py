"""The service of multi-agent runs: running and healthy, its features come with their contracts."""

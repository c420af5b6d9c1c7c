"""The service of money and plans: running and healthy, its features come with their contracts."""

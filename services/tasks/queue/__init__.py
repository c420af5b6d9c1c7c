"""The durable queue: projects, task types, and tasks that workers lease."""

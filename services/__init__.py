"""The services. They never import each other: they talk over gRPC."""

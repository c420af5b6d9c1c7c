"""The service that knows who is who: operators, their agents, and the credentials of both."""

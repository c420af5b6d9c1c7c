"""Credits: accounts, holds and an immutable double-entry journal."""

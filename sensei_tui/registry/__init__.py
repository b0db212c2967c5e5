"""Registries: image references, logins, and an OCI distribution client on the standard library."""

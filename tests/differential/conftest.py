"""The real cluster."""

from tests.cluster.fixtures import real

__all__ = ["real"]

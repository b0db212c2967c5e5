"""The fixtures of tests on a real cluster."""

from tests.cluster.fixtures import place, real

__all__ = ["place", "real"]

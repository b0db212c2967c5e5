"""What the tests of bundles share with those of the registry client."""

from tests.registry.kinds import registry_kind as registry_kind

"""Backup and restore of real data, into a bucket and into a volume, by kubectl as the guide says it and by `sensei`."""

from __future__ import annotations

import pytest

from tests.node.place import Place
from tests.node.stores import OBJECTS, ROWS, VECTORS, Found

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def data(installed: Place) -> Found:
    """What is in the stores, and must be there again."""
    stores = installed.stores()
    stores.write()
    found = stores.read()
    assert (len(found.rows), len(found.objects), len(found.vectors)) == (ROWS, OBJECTS, VECTORS)
    return found


def _as_it_was(place: Place, data: Found) -> None:
    stores = place.stores()
    found = stores.read()
    assert found.rows == data.rows
    assert found.objects == data.objects
    assert found.vectors == data.vectors
    assert "later" not in stores.tables()


def _round_trip(place: Place, data: Found, number: int) -> None:
    """The guide's page Backup, "With kubectl alone"."""
    said = place.job(f"backup-by-hand-{number}", "sensei-backup")
    assert "is complete" in said
    place.stores().spoil()
    place.scale(0)
    said = place.job(f"restore-{number}", "sensei-restore")
    _as_it_was(place, data)
    place.scale(1)
    place.sensei("test")
    _as_it_was(place, data)


def test_into_a_bucket(installed: Place, data: Found) -> None:
    _round_trip(installed, data, 1)
    assert "complete" in installed.sensei("backup", "list")


def test_into_a_volume(installed: Place, data: Found) -> None:
    installed.sensei("config", "set", "backup.to", "volume")
    installed.sensei("upgrade", "--yes", "--plain", "--timeout", "300")
    _round_trip(installed, data, 2)


def test_by_the_products_own_command(installed: Place, data: Found) -> None:
    installed.sensei("backup", "create", "--yes", "--plain")
    name = installed.sensei("backup", "list").split()[0]
    installed.stores().spoil()
    installed.sensei("backup", "restore", name, "--yes", "--plain", "--timeout", "300")
    _as_it_was(installed, data)
    installed.sensei("test")

"""As test_access: the verbs that write."""

from __future__ import annotations

from tests.cluster.access_table import READING, proof

test_it_fails_without_writing = proof(lambda verb: verb not in READING)

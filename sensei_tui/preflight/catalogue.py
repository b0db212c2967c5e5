"""Every check there is, in the order in which they are shown."""

from __future__ import annotations

from sensei_tui.preflight.checks_capacity import CAPACITY
from sensei_tui.preflight.checks_cluster import API
from sensei_tui.preflight.checks_gpu import GPU
from sensei_tui.preflight.checks_host import HOST
from sensei_tui.preflight.checks_named import NAMED
from sensei_tui.preflight.checks_secrets import SECRETS
from sensei_tui.preflight.checks_site import SITE

CHECKS = tuple(check for area in (SITE, API, CAPACITY, NAMED, SECRETS, HOST, GPU) for check in area.checks)

"""Everything the Home screen says, from the site's own files alone: cheap, and never an error.

What the cluster itself says (nodes, health) comes from the cluster store and is shown beside it.
"""

from __future__ import annotations

import msgspec


class GuidedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One of the five steps from an empty site to a running platform."""

    key: str
    """The screen that does it: `configure`, `preflight`, `deploy`, `health`, `history`."""
    title: str
    word: str
    """`ok`, `warn`, `FAIL`, `?`, `..` or `-`."""
    text: str
    """What the word is based on, one line."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    site: str
    version: str
    """`1.0.0`, or `1.0.0 -> 1.1.0` when an upgrade is at hand."""
    cluster: str
    """For the header: `cluster prod-k8s (sensei)`, `rehearsal (sensei)`, `no cluster`."""
    configured: bool
    """A cluster, real or simulated, is named."""
    rehearsal: bool
    run: str
    """For the header: `no run`, `run 0007 RUNNING`."""
    active: str = ""
    """Id of the run that goes on now."""
    resumable: str = ""
    """Id of the newest run, if it is unfinished and has no runner."""
    deployed: bool = False
    """A run of this site has installed Sensei."""
    next_step: str
    """One sentence, with the key that does it: `Review two warnings, then install (press 3).`"""
    next_key: str = ""
    """That key."""
    steps: tuple[GuidedStep, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Label and text: licence, rehearsal, deployed release."""

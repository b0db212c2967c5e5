"""The Jobs of hooks, for which Helm itself waits: why they are not done is told meanwhile, and in the error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sensei_tui.base.errors import SenseiError
from sensei_tui.cluster.snapshot import Snapshot
from sensei_tui.deploy.world import World
from sensei_tui.health.model import NotReady
from sensei_tui.health.why import not_ready
from sensei_tui.helm.errors import HelmError, HelmTimeout
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.view import sentence


class HookFailed(SenseiError):
    """Helm waited in vain for the Job of a hook."""

    code = "hook-failed"


@contextmanager
def hooks_explained(world: World, context: StepContext, release: str) -> Iterator[None]:
    """While Helm waits for the Jobs of hooks, tell why they are not done. Raises HookFailed."""
    try:
        with world.watched_by(lambda snapshot: context.waiting(late_jobs(snapshot))):
            yield
    except HelmError as error:
        late = late_jobs(world.store.snapshot)
        if not late or type(error) not in (HelmError, HelmTimeout):
            raise
        remedy = next((why.remedy for item in late for why in item.why if why.remedy), "Mend the cause.")
        raise HookFailed(
            f"Release {release}: {', '.join(item.object for item in late)} did not finish.",
            where=f"namespace {world.namespace}", why="; ".join(sentence(item) for item in late),
            remedy=f"{remedy.rstrip('.')}. Then: sensei runs resume {world.run_id}",
        ) from error  # fmt: skip
    context.waiting(())


def late_jobs(snapshot: Snapshot) -> tuple[NotReady, ...]:
    """Jobs that are not done, or failed."""
    return tuple(item for item in not_ready(snapshot) if item.object.startswith("Job/"))

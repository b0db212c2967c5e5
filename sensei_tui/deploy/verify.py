"""The end of a run: does it answer, and what is deployed now."""

from __future__ import annotations

from dataclasses import dataclass

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import plural
from sensei_tui.cluster.errors import Forbidden
from sensei_tui.deploy.hooks import hooks_explained
from sensei_tui.deploy.record import Deployed, DeployedRelease, save_deployed
from sensei_tui.deploy.release import deployed
from sensei_tui.deploy.wait import LOOK
from sensei_tui.deploy.world import World
from sensei_tui.health.board import assess
from sensei_tui.health.model import Health, Word
from sensei_tui.helm.manifest import counted
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.model import PlannedStep
from sensei_tui.runs.view import sentence
from sensei_tui.site.charts import SENSEI_RELEASE

DASHBOARD = "sensei-dashboard"
DASHBOARD_PORT = 80
"""The guide's step 6: `kubectl port-forward svc/sensei-dashboard 8080:80`."""
SETTLE = 60.0
"""Seconds for endpoints and readiness to settle after the last workload became ready."""
WELL = (Word.OK, Word.SKIP)
TESTS_JOB = "Job/sensei-test"
TESTS = 600
"""Seconds for the chart's tests: two tries of the Job's own limit."""
ANSWER = 10.0
"""Seconds for the dashboard to answer one request."""


class NotVerified(SenseiError):
    """Everything was installed, but it does not answer."""

    code = "not-verified"


@dataclass
class VerifyPlatform:
    """Pods ready, services with endpoints, the dashboard answers through a port-forward, and the chart's tests pass."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        deadline = clock.monotonic() + SETTLE
        self.world.store.wait_complete(SETTLE)
        while problems := self._fresh_problems():
            if clock.monotonic() > deadline:
                raise self._failed(problems)
            context.progress(0, 3, "checks", problems[0])
            context.check()
            with context.stop.calling(self.world.changed.set):
                self.world.changed.wait(LOOK)
        health = self._health()
        context.progress(1, 3, "checks", "pods and services are well")
        status = self._dashboard(context, deadline)
        context.progress(2, 3, "checks", "the dashboard answers")
        self._chart_tests(context)
        return (
            f"{plural(len(health.pods), 'pod')}, {plural(len(health.services), 'service')}, dashboard answers {status},"
            " the chart's tests pass"
        )

    def _chart_tests(self, context: StepContext) -> None:
        """Writing and reading every store from inside the cluster."""
        engine = self.world.engine
        with context.stop.calling(engine.cancel), hooks_explained(self.world, context, SENSEI_RELEASE):
            engine.test(SENSEI_RELEASE, timeout=TESTS)

    def _fresh_problems(self) -> list[str]:
        self.world.changed.clear()
        return self._problems(self._health())

    def _health(self) -> Health:
        return assess(self.world.store.snapshot, self.world.prepared.values.tree)

    def _problems(self, health: Health) -> list[str]:
        # The tests of an earlier run, which failed: they are run anew below.
        found = [sentence(item) for item in health.not_ready if item.object != TESTS_JOB]
        return found + [
            f"Service/{item.name} has no ready endpoint" for item in health.services if item.word not in WELL
        ]

    def _dashboard(self, context: StepContext, deadline: float) -> int:
        while True:
            context.check()
            status, why = self._ask()
            if 0 < status < 500:
                return status
            if clock.monotonic() > deadline:
                raise self._failed([f"Service/{DASHBOARD} port {DASHBOARD_PORT}: {why or f'HTTP {status}'}"])
            context.sleep(1)

    def _ask(self) -> tuple[int, str]:
        try:
            status, _ = self.world.cluster.http_get_service(DASHBOARD, DASHBOARD_PORT, "/", timeout=ANSWER)
        except Forbidden as error:
            # Nothing that passes by itself.
            raise self._failed([f"Service/{DASHBOARD} was not asked: {error.why}"]) from error
        except SenseiError as error:
            return 0, error.why or error.what
        return status, ""

    def _failed(self, problems: list[str]) -> NotVerified:
        return NotVerified(
            "Sensei is installed, but not well.", where=f"namespace {self.world.namespace}", why="; ".join(problems),
            remedy=f"See the health board (sensei status). Then: sensei runs resume {self.world.run_id}",
        )  # fmt: skip


@dataclass
class Record:
    """Keep what is deployed, for the next plan's differences."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        releases = tuple(self._release(item.name) for item in self.world.prepared.releases)
        main = releases[-1]
        values = self.world.engine.values(main.name)
        save_deployed(self.world.site, Deployed(
            at=clock.stamp(), run=self.world.run_id, version=self.world.plan.version, target=self.world.plan.target,
            values_digest=self.world.prepared.values.digest, values=values, releases=releases,
        ))  # fmt: skip
        return ", ".join(f"{item.name} revision {item.revision} ({counted(item.manifest)})" for item in releases)

    def _release(self, name: str) -> DeployedRelease:
        release, engine = self.world.prepared.release(name), self.world.engine
        revision = deployed(self.world, name)
        values = engine.values(name)
        manifest = self.world.redact(engine.render(name, release.chart, values))
        return DeployedRelease(
            name=name, revision=revision.revision if revision else 0, chart=release.version, digest=release.digest,
            manifest=manifest,
        )  # fmt: skip

"""A runner with small steps, as a process: `python toy.py RUN_DIRECTORY`. A step's id says what it does."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.redaction import Redactor, Secret
from sensei_tui.base.text import plural
from sensei_tui.health.model import NotReady, Why
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.runs.registry import RunDirectory
from sensei_tui.runs.runner import EXIT, Runner

SECRET = 'pa"ss-word-1234'


@dataclass
class Touch:
    """Writes a file; done when the file is there."""

    spec: PlannedStep
    world: Path

    def is_done(self, context: StepContext) -> bool:
        return (self.world / self.spec.id).exists()

    def do(self, context: StepContext) -> str:
        made = self.world / self.spec.id
        made.write_text(made.read_text() + "x" if made.exists() else "x")
        context.log("helm", f"created {self.spec.id} with {SECRET}")
        return plural(1, "file")


@dataclass
class Gate:
    """Waits until a file appears, saying what it waits for."""

    spec: PlannedStep
    world: Path

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        why = Why(object="Pod/a", reason="ImagePullBackOff", sentence=f"no {SECRET}\x1b[2J")
        context.waiting((NotReady(object="Deployment/a", ready=0, desired=1, why=(why,)),))
        context.progress(1, 4, "objects", "waiting for the gate")
        while not (self.world / f"{self.spec.id}.open").exists():
            if (self.world / f"{self.spec.id}.break").exists():
                raise SenseiError("It broke.", where="gate", why=f"the key {SECRET} was refused", remedy="Mend it.")
            if (self.world / f"{self.spec.id}.crash").exists():
                raise ZeroDivisionError(SECRET)
            context.sleep(0.01)
        return "opened"


def steps_of(plan: Plan, world: Path) -> list[Touch | Gate]:
    return [Gate(spec, world) if spec.id.startswith("gate") else Touch(spec, world) for spec in plan.steps]


def main(path: Path) -> int:
    directory = RunDirectory(path)
    world = path.parent.parent.parent
    redact = Redactor([Secret(SECRET)])
    runner = Runner(directory, steps_of(directory.plan, world), redact, world / ".sensei" / "lock")
    return int(EXIT.get(runner.run(), 3))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

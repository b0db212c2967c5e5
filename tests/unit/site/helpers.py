"""Sites for tests, with the vendor's guide's own files; secrets are planted where a message could show them."""

from __future__ import annotations

from pathlib import Path

from sensei_tui.site.site import Site
from sensei_tui.site.validate import Problem, validate
from sensei_tui.site.values import load_values

GUIDE = Path(__file__).parent / "guide"
"""The three YAML blocks of the vendor's guide, word for word."""
KEY = "PLANTED-license-key-1f2e3d4c"
API_KEY = "PLANTED-sk-ant-9a8b7c6d"
LICENSED = f"license:\n  key: {KEY}\n  organization: Example\n"


def guide(name: str) -> str:
    """One of the guide's files."""
    return (GUIDE / name).read_text(encoding="utf-8")


def site_with(root: Path, **files: str) -> Site:
    """A site whose values files are these, in this order: `values="..."` becomes values.yaml; `_` stands for `-`."""
    names = {f"{name.replace('_', '-')}.yaml": text for name, text in files.items()}
    site = Site.create(root, name="test").configure(values=tuple(names))
    for name, text in names.items():
        (root / name).write_bytes(text.encode())
    return site


def problems(root: Path, values: str, *, license: str = LICENSED) -> list[Problem]:
    """What is wrong with this values.yaml beside a good license.yaml."""
    found = validate(load_values(site_with(root, values=values, license=license)))
    return [problem for problem in found if problem.severity == "error"]


def warnings(root: Path, values: str) -> list[Problem]:
    """What works and is probably not wanted."""
    found = validate(load_values(site_with(root, values=values, license=LICENSED)))
    return [problem for problem in found if problem.severity == "warning"]

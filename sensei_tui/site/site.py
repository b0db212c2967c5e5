"""A site: a directory that holds one installation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import private_dir, write_atomic
from sensei_tui.site import yamlfile

SITE_FILE = "site.yaml"
SITE_VARIABLE = "SENSEI_SITE"
VALUES_FILES = ("values.yaml", "values-airgapped.yaml", "license.yaml")


class SiteNotFound(UsageError):
    """There is no site where one was looked for."""

    code = "no-site"


class SiteConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`site.yaml`. Paths are relative to the site's directory."""

    name: str
    version: str = "1.0.0"
    namespace: str = "sensei"
    kubeconfig: str = ""
    context: str = ""
    """A context of the kubeconfig; empty: its current one."""
    registry: str = ""
    bundle: str = ""
    values: tuple[str, ...] = VALUES_FILES
    """Merged in this order; those that do not exist are left out."""
    rehearsal: bool = False
    """Use the simulated cluster of this site."""


class Site:
    """One installation's directory."""

    def __init__(self, root: Path, config: SiteConfig) -> None:
        self.root = root
        self.config = config

    @property
    def state(self) -> Path:
        """`.sensei`: everything the program keeps, readable by its owner alone."""
        return private_dir(self.root / ".sensei")

    @property
    def runs(self) -> Path:
        """Runs and their journals."""
        return self.root / ".sensei" / "runs"

    @property
    def rehearsal_dir(self) -> Path:
        """The simulated cluster's files."""
        return self.root / ".sensei" / "rehearsal"

    @property
    def kubeconfig(self) -> Path | None:
        """The kubeconfig in use, or None where no cluster is configured. The environment's is never used silently."""
        if self.config.rehearsal:
            return self.rehearsal_dir / "kubeconfig"
        return self.root / Path(self.config.kubeconfig).expanduser() if self.config.kubeconfig else None

    @property
    def values_files(self) -> tuple[Path, ...]:
        """The values files that exist, in merge order."""
        return tuple(path for name in self.config.values if (path := self.root / name).is_file())

    @classmethod
    def open(cls, path: Path) -> Site:
        """The site in this directory. Raises SiteNotFound, UsageError (a mistake in site.yaml)."""
        file = path / SITE_FILE
        if not file.is_file():
            raise SiteNotFound("This directory is not a site.", where=str(path), remedy=f"Make one: sensei init {path}")
        document = yamlfile.parse(yamlfile.read(file), file) or {}
        try:
            config = msgspec.convert(msgspec.to_builtins(_plain(document)), SiteConfig)
        except msgspec.ValidationError as error:
            allowed = ", ".join(field.name for field in msgspec.structs.fields(SiteConfig))
            raise UsageError(
                "site.yaml is not valid.", where=str(file), why=str(error), remedy=f"Keys: {allowed}."
            ) from None
        return cls(path.resolve(), config)

    @classmethod
    def create(cls, path: Path, *, name: str = "", rehearsal: bool = False) -> Site:
        """Make `site.yaml` in `path`. Raises UsageError if there is one already."""
        path.mkdir(parents=True, exist_ok=True)
        if (path / SITE_FILE).exists():
            raise UsageError("This directory is a site already.", where=str(path / SITE_FILE), remedy="Open it: sensei")
        config = SiteConfig(name=name or path.resolve().name, rehearsal=rehearsal)
        write_atomic(path / SITE_FILE, _first_text(config), mode=0o644)
        return cls.open(path)

    @classmethod
    def find(cls, start: Path | None = None) -> Site:
        """The site named by SENSEI_SITE, or the nearest above `start` (default: here). Raises SiteNotFound."""
        if start is None and (named := os.environ.get(SITE_VARIABLE)):
            return cls.open(Path(named))
        begin = (start or Path.cwd()).resolve()
        for directory in (begin, *begin.parents):
            if (directory / SITE_FILE).is_file():
                return cls.open(directory)
        raise SiteNotFound(
            "There is no site here.", where=str(begin),
            remedy="Go to a site's directory, name one with --site DIR, or make one: sensei init DIR",
        )  # fmt: skip

    def configure(self, **changes: Any) -> Site:
        """Change site.yaml, its comments kept. Returns the site as it is then."""
        msgspec.structs.replace(self.config, **changes)
        file = self.root / SITE_FILE
        document = yamlfile.parse(yamlfile.read(file), file) or {}
        for key, value in changes.items():
            document[key] = list(value) if isinstance(value, tuple) else value
        write_atomic(file, yamlfile.dump(document), mode=0o644)
        return type(self).open(self.root)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _first_text(config: SiteConfig) -> str:
    return f"""\
# One installation of Sensei. Paths are relative to this file.
name: {config.name}
version: {config.version}
namespace: {config.namespace}

# The cluster: a kubeconfig file and one of its contexts (empty: its current one).
kubeconfig: ""
context: ""
# true: use the simulated cluster on this machine instead (sensei rehearse).
rehearsal: {str(config.rehearsal).lower()}

# Values files, merged in this order; those that do not exist are left out.
values:
  - values.yaml
  - values-airgapped.yaml
  - license.yaml
"""

"""A site: a directory that holds one installation."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import private_dir, write_atomic

SITE_FILE = "site.yaml"
SITE_VARIABLE = "SENSEI_SITE"
VALUES_FILES = ("values.yaml", "values-airgapped.yaml", "license.yaml")


NAMESPACE = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"


class SiteNotFound(UsageError):
    """There is no site where one was looked for."""

    code = "no-site"


class SiteConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`site.yaml`. Paths are relative to the site's directory."""

    name: str
    version: str = "1.0.0"
    namespace: Annotated[str, msgspec.Meta(pattern=NAMESPACE)] = "sensei"
    kubeconfig: str = ""
    context: str = ""
    """A context of the kubeconfig; empty: its current one."""
    registry: str = ""
    """Where the site's images are: `HOST[:PORT][/PREFIX]`."""
    registry_ca: str = ""
    """Certificate of the authority that signed the registry's."""
    registry_plain_http: bool = False
    bundle: str = ""
    """The bundle that an installation or an upgrade loads first; empty: the images are there."""
    bundle_unsigned: bool = False
    """Accept a bundle that nobody trusted has signed."""
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
        """The values files that exist, in merge order. What is there but is no file counts: reading it says why not."""
        return tuple(path for name in self.config.values if (path := self.root / name).exists())

    @classmethod
    def open(cls, path: Path) -> Site:
        """The site in this directory. Raises SiteNotFound, UsageError (a mistake in site.yaml)."""
        file = path / SITE_FILE
        if not file.is_file():
            raise SiteNotFound("This directory is not a site.", where=str(path), remedy=f"Make one: sensei init {path}")
        return cls(path.resolve(), _parsed(file))

    @classmethod
    def create(cls, path: Path, *, name: str = "", rehearsal: bool = False, **settings: str) -> Site:
        """Make `site.yaml` in `path`. Raises UsageError if there is one already, or a setting is not valid."""
        file = path / SITE_FILE
        if file.exists():
            raise UsageError("This directory is a site already.", where=str(file), remedy="Open it: sensei")
        config = _config({"name": name or path.resolve().name, "rehearsal": rehearsal, **settings}, file)
        path.mkdir(parents=True, exist_ok=True)
        write_atomic(file, _first_text(config), mode=0o644)
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
        """Change site.yaml, its comments kept; the site as it is then. Raises UsageError, nothing written."""
        from sensei_tui.site import splice, yamlfile

        file = self.root / SITE_FILE
        text = yamlfile.read(file)
        for key, value in changes.items():
            text = splice.set_value(text, key, list(value) if isinstance(value, tuple) else value, file)
        _parsed(file, text)
        write_atomic(file, text, mode=0o644)
        return type(self).open(self.root)


def _parsed(file: Path, text: str | None = None) -> SiteConfig:
    from sensei_tui.site import yamlfile  # slow to import: commands without a site do without

    document = yamlfile.parse(yamlfile.read(file) if text is None else text, file)
    return _config(yamlfile.plain(document) or {}, file)


def _config(document: Any, file: Path) -> SiteConfig:
    try:
        return msgspec.convert(document, SiteConfig)
    except msgspec.ValidationError as error:
        allowed = ", ".join(field.name for field in msgspec.structs.fields(SiteConfig))
        raise UsageError(
            "site.yaml is not valid.", where=str(file), why=str(error), remedy=f"Keys: {allowed}."
        ) from None


def _first_text(config: SiteConfig) -> str:
    return f"""\
# One installation of Sensei. Paths are relative to this file.
name: {json.dumps(config.name, ensure_ascii=False)}
version: {config.version}
namespace: {json.dumps(config.namespace)}

# The cluster: a kubeconfig file and one of its contexts (empty: its current one).
kubeconfig: {json.dumps(config.kubeconfig, ensure_ascii=False)}
context: {json.dumps(config.context, ensure_ascii=False)}
# true: use the simulated cluster on this machine instead (sensei rehearse).
rehearsal: {str(config.rehearsal).lower()}

# Values files, merged in this order; those that do not exist are left out.
values:
  - values.yaml
  - values-airgapped.yaml
  - license.yaml
"""

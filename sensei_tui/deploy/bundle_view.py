"""What the Bundle screen and `sensei bundle show` say of the site's bundle: a few kilobytes are read of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import bytes_si, plural
from sensei_tui.base.throughput import Throughput
from sensei_tui.bundle.contents import Contents
from sensei_tui.bundle.opened import Bundle
from sensei_tui.deploy.fitting import doubts_of_upgrade
from sensei_tui.deploy.loading import RATE, bundle_of, keys_of, place_of
from sensei_tui.deploy.place import place_text
from sensei_tui.helm.images import needed
from sensei_tui.registry.reference import Place, Reference
from sensei_tui.site.site import Site
from sensei_tui.site.values import load_values


class Judged(msgspec.Struct, frozen=True):
    """`ok`, `warn`, `FAIL` or `-`, and why."""

    word: str
    text: str


NONE = Judged("-", "")


class BundleView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything is said in words; nothing here raises."""

    path: str = ""
    """Empty: the site names no bundle."""
    registry: str = ""
    into: str = ""
    """The registry with how it is reached, as `deploy.place` writes it."""
    error: str = ""
    """Why the bundle can't be read."""
    contents: Contents | None = None
    version: Judged = NONE
    """Whether it is the site's."""
    signed: Judged = NONE
    complete: Judged = NONE
    """Whether it has every image of the charts with the site's values."""
    takes: str = ""
    """Space and time that a load takes at most."""
    unpacked: str = ""
    """Space on nodes; empty where the bundle does not say."""

    @property
    def usable(self) -> bool:
        """Whether a run that loads it would get beyond its first step."""
        judged = (self.version, self.signed, self.complete)
        return self.contents is not None and all(item.word != "FAIL" for item in judged)


def bundle_view(site: Site) -> BundleView:
    """Needs neither the registry nor the cluster."""
    config = site.config
    if not config.bundle:
        return BundleView(registry=config.registry, into=place_text(site))
    try:
        with bundle_of(site) as found:
            path, contents, signed = str(found.path), found.contents, _signed(site, found)
    except SenseiError as error:
        return BundleView(path=config.bundle, registry=config.registry, into=place_text(site), error=_words(error))
    return _view(site, path, contents, signed)  # the charts are rendered, and the medium may be taken out


def verified(found: Bundle, tell: Callable[[str], None]) -> str:
    """Every byte of it is read; how far that is, is told. Raises BadBundle."""
    meter = Throughput(found.size)

    def told(count: int) -> None:
        meter.set(meter.done + count, meter.total)
        tell(f"verify {100 * meter.done // max(1, meter.total)} %")

    problems = found.problems(told)
    if problems:
        return problems[0] + (f"; and {len(problems) - 1} more" if len(problems) > 1 else "")
    good = f"every byte, and {plural(len(found.documents), 'manifest')}, as they should be"
    if not found.missing:
        return good
    return f"{good}; missing: volume {', '.join(str(item.number) for item in found.missing)} of {found.missing[0].of}"


def _view(site: Site, path: str, contents: Contents, signed: Judged) -> BundleView:
    config, seconds = site.config, clock.duration(contents.size / RATE)
    return BundleView(
        path=path, registry=config.registry, into=place_text(site), contents=contents,
        version=_version(site, contents), signed=signed, complete=_complete(site, contents),
        takes=f"{bytes_si(contents.size)} in the registry, {seconds} at 100 MB/s; less what is there",
        unpacked=f"{bytes_si(contents.unpacked)} at least on a node that runs all of it" if contents.unpacked else "",
    )  # fmt: skip


def _version(site: Site, contents: Contents) -> Judged:
    if contents.version != site.config.version:
        return Judged("FAIL", f"{contents.version}; the site is for {site.config.version}")
    try:
        doubts = doubts_of_upgrade(site, contents, "")
    except SenseiError as error:
        return Judged("FAIL", _words(error))
    text = f"{contents.version}, of {contents.created[:10]}"
    return Judged("warn", f"{text}; older than what is deployed") if doubts else Judged("ok", text)


def _signed(site: Site, found: Bundle) -> Judged:
    try:
        keys, now = keys_of(site), clock.now()
        seal, why = found.seal(keys, now, allow_unsigned=site.config.bundle_unsigned)
    except SenseiError as error:
        return Judged("FAIL", _words(error))
    if seal is None:
        return Judged("warn", f"{why} The site accepts that.")
    doubts = [*seal.warnings, *_of_alone([*found.alone(keys, now)])]
    return Judged("warn" if doubts else "ok", "; ".join([f"{seal.when:%Y-%m-%d} by {seal.signer}", *doubts]))


def _of_alone(paths: list[str]) -> list[str]:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return [f"refused without the other volumes: {Path(paths[0]).name}{more}"] if paths else []


def _complete(site: Site, contents: Contents) -> Judged:
    """By names: a site without a registry compares those that stand in the charts."""
    try:
        pulled = needed(load_values(site).tree, site)
        place = place_of(site) if site.config.registry else None
        carried = {_target(item.name, place) for item in contents.items}
        missing = [item.name for item in pulled if _target(item.name, None) not in carried]
    except SenseiError as error:
        return Judged("?", _words(error))
    if not missing:
        return Judged("ok", f"all {plural(len(pulled), 'image')} of the charts with this site's values")
    if len(missing) == len(pulled) and place:
        return Judged("FAIL", f"the values take no image from {place}: set global.imageRegistry to it")
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return Judged("FAIL", f"it lacks {missing[0]}{more}")


def _target(name: str, place: Place | None) -> str:
    reference = Reference.parse(name)
    moved = place.move(reference) if place else reference
    return f"{moved.host}/{moved.path}@{moved.version}"


def _words(error: SenseiError) -> str:
    return f"{error.what} {error.why}".strip()

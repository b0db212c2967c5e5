"""`sensei bundle create`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensei_tui.cli.bundle import FILE
from sensei_tui.cli.bundle_sign import passphrase, sign_all
from sensei_tui.cli.images import values_of
from sensei_tui.cli.install import SITE
from sensei_tui.cli.output import FORMATS as ANSWERS
from sensei_tui.cli.output import emit, note

if TYPE_CHECKING:
    from sensei_tui.bundle.create import Build
    from sensei_tui.bundle.make import Named, Order
    from sensei_tui.bundle.source import Source
    from sensei_tui.site.site import Site

FORMATS = ("tar.gz", "tar")
KEPT = "What is whole is kept beside it (*.part): the same command goes on from there."


def _one(context: click.Context, option: click.Parameter, given: tuple[Path, ...]) -> Path | None:
    """The last of several would win in silence. Raises click.BadParameter."""
    if len(given) > 1:
        raise click.BadParameter("name one: what the site has in all is in the inventory of its last bundle")
    return given[0] if given else None


@click.command()
@click.option("--version", help="Version of Sensei (default: that of the charts).")
@click.option("--output", "target", type=FILE, help="The file to write (default: sensei-bundle-VERSION.FORMAT).")
@click.option("-f", "--values", "files", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Values that decide which images are needed; later files win (default: the site's).")  # fmt: skip
@click.option("--images-from", "source", default="", metavar="oci:PATH|docker|REGISTRY",
              help="An OCI layout, the Docker engine here (changes digests), or the registry that has all of them "
              "(default: that of each name).")  # fmt: skip
@click.option("--image", "extra", multiple=True, help="One more image than the charts need.")
@click.option("--platform", "platforms", multiple=True, help="Take images for this one (default: linux/amd64).")
@click.option("--patterns", type=FILE, help="The pattern library's snapshot: a file or a directory.")
@click.option("--model", type=FILE, help="The local model's directory.")
@click.option("--format", "shape", type=click.Choice(FORMATS),
              help="tar is read by ctr and podman too (default: as FILE ends, else tar.gz).")  # fmt: skip
@click.option("--volume-size", metavar="SIZE",
              help="Files of at most this size: DVD, FAT32, or for example 4700MB, 650MiB.")  # fmt: skip
@click.option("--since", type=FILE, callback=_one, multiple=True,
              help="Leave out what the site has: a bundle that it loaded, or its inventory.")  # fmt: skip
@click.option("--sign", "key", type=FILE, help="A private key of OpenSSH.")
@click.option("--ca", type=FILE, help="Certificate of the authority that signed the registry's.")
@click.option("--plain-http", is_flag=True, help="The registry has no TLS.")
@click.option("-o", "form", type=click.Choice(ANSWERS), default="text", show_default=True, help="Form of the answer.")
@SITE
def create(
    version: str | None, target: Path | None, files: tuple[Path, ...], source: str, extra: tuple[str, ...],
    platforms: tuple[str, ...], patterns: Path | None, model: Path | None, shape: str | None, volume_size: str | None,
    since: Path | None, key: Path | None, ca: Path | None, plain_http: bool, form: str, site: Path | None,
) -> None:  # fmt: skip
    """Make a bundle: images, charts, the pattern library's snapshot and, where it is wanted, a model.

    Broken off, the same command goes on where it stopped. The same inputs give the same file, byte by byte.
    """
    from sensei_tui.bundle.create import source_date
    from sensei_tui.bundle.volumes import parse_size

    source_date()
    shape = shape or ("tar" if target and target.suffix == ".tar" else "tar.gz")
    _check_source(source, ca, plain_http=plain_http)
    _check_files(patterns, model)
    if target:
        _check_target(target, since)
    secret = passphrase(key) if key else None
    limit = parse_size(volume_size) if volume_size else 0
    # Helm starts in a process of its own: while it is waited for, the rest is loaded.
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(import_module, "sensei_tui.bundle.make")
        order = _order(site, version, files, extra, _platforms(platforms), patterns, model, since)
        build = loading.result().build
    if not target:
        _check_target(target := Path(f"sensei-bundle-{order.version}.{shape}"), since)
    with closing(_source(source, ca, plain_http, target.parent)) as images:
        made = build(order, images, _tell)
        written = _written(made, target, shape, limit)
    sizes = {str(path): path.stat().st_size for path in written}
    signed = sign_all(written, key, secret) if key else ""
    answer = {"bundle": [*sizes] if limit else str(written[0]), "bytes": sum(sizes.values()),
              "contents": made.contents, "signed": signed}  # fmt: skip
    emit(answer, _lines(sizes, signed), form)


def _check_source(source: str, ca: Path | None, *, plain_http: bool) -> None:
    """Options that would do nothing. Raises UsageError."""
    from sensei_tui.base.errors import UsageError

    if not (source.startswith("oci:") or source == "docker"):
        return
    for option, given in (("--ca", ca is not None), ("--plain-http", plain_http)):
        if given:
            raise UsageError(f"{option} does not go with --images-from {source}.", why="it is for a registry")


def _check_files(patterns: Path | None, model: Path | None) -> None:
    """Before anything is read. Raises UsageError."""
    from sensei_tui.base.errors import UsageError

    if patterns is not None and not patterns.exists():
        raise UsageError("The pattern library's snapshot is not there.", where=str(patterns))
    if model is not None and not model.is_dir():
        why = "it is a file" if model.exists() else ""
        raise UsageError("The model's directory is not there.", where=str(model), why=why)


def _check_target(target: Path, since: Path | None) -> None:
    """Raises UsageError where no bundle may be written there; where the one before this one would be lost, too."""
    from sensei_tui.base.errors import UsageError
    from sensei_tui.bundle.create import check_output
    from sensei_tui.bundle.volumes import is_output

    check_output(target)
    before = [] if since is None else [*since.iterdir()] if since.is_dir() else [since]
    if any(is_output(path, target) for path in before):
        raise UsageError(
            "The new bundle would take the place of the one before it.", where=str(target), why=f"--since {since}",
            remedy="Name another file: --output FILE",
        )  # fmt: skip


def _platforms(named: tuple[str, ...]) -> tuple[str, ...]:
    """Raises UsageError where one is none."""
    from sensei_tui.base.errors import UsageError
    from sensei_tui.bundle.source import PLATFORM

    for text in named:
        if not re.fullmatch(r"[a-z0-9]+/[a-z0-9]+(/v[0-9]+)?", text):
            raise UsageError(
                f"{text[:80]} is no platform.", where="--platform",
                remedy="Write OS/ARCH, for example linux/arm64; the option again for one more.",
            )  # fmt: skip
    return named or (PLATFORM,)


def _written(made: Build, target: Path, shape: str, limit: int) -> list[Path]:
    from sensei_tui.bundle.create import SHAPES, write_bundle
    from sensei_tui.bundle.volumes import split, write_volumes
    from sensei_tui.cli.meter import Meter

    with Meter("create", resumes=KEPT) as meter:
        if limit:
            builds = split(made, SHAPES[shape], limit)
            found = write_volumes(builds, target, SHAPES[shape], limit, lambda done, total, _: meter.set(done, total))
            _tell_others(found, target)
            return found
        write_bundle(made, target, SHAPES[shape], lambda done, total, _: meter.set(done, total))
        return [target]


def _tell_others(written: list[Path], target: Path) -> None:
    """Volumes of an earlier call would be taken for this bundle's."""
    from sensei_tui.bundle.volumes import is_output

    there = {item.name for item in target.parent.iterdir() if is_output(item, target)}
    others = sorted(there - {item.name for item in written})
    if others:
        note(f"warn: beside it lie others by the same name, not of this bundle: remove {', '.join(others)}")


def _lines(sizes: Mapping[str, int], signed: str) -> list[str]:
    from sensei_tui.base.text import bytes_si

    return [
        f"{name}: {bytes_si(size)}, {'signed by ' + signed if signed else 'not signed'}" for name, size in sizes.items()
    ]


def _tell(done: int, total: int, name: str) -> None:
    if name:
        note(f"[{done + 1}/{total}] {name}")


def _order(
    site: Path | None, version: str | None, files: tuple[Path, ...], extra: tuple[str, ...],
    platforms: tuple[str, ...], patterns: Path | None, model: Path | None, since: Path | None,
) -> Order:  # fmt: skip
    from sensei_tui.bundle.inventory import Inventory, known_by
    from sensei_tui.bundle.make import Order
    from sensei_tui.cli.images import found_site
    from sensei_tui.site import yamlfile
    from sensei_tui.site.charts import CHARTS, chart_dir

    here = found_site(site)
    charts = {name: chart_dir(name, here) for name in CHARTS.values()}
    about = yamlfile.parse(yamlfile.read(charts["sensei-full"] / "Chart.yaml"), charts["sensei-full"] / "Chart.yaml")
    names, made = _names(here, files, extra, patterns, model)
    known = known_by(since) if since is not None else Inventory()
    return Order(version or str(about["appVersion"]), charts, names, platforms, made, known)


def _names(
    site: Site | None, files: tuple[Path, ...], extra: tuple[str, ...], patterns: Path | None, model: Path | None
) -> tuple[tuple[Named, ...], dict[str, Path]]:
    """What the charts need by its own registries, and which artifacts are made of files here."""
    from sensei_tui.bundle.make import Named
    from sensei_tui.helm.images import needed

    tree = _tree(values_of(site, files), patterns is not None)
    found = needed(tree, site)
    artifacts = {item.name: item.used_by for item in found if item.kind == "artifact"}
    made = {}
    for path, user in ((patterns, "sensei-pattern-library"), (model, "sensei-llm")):
        if path is not None:
            made[_made(artifacts, user)] = path
    names = [Named(item.name, item.kind, item.used_by) for item in found]
    there = {item.name for item in names}
    return (*names, *(Named(name, "image") for name in dict.fromkeys(extra) if name not in there)), made


def _tree(tree: Mapping[str, Any], patterns: bool) -> dict[str, Any]:
    """The values as where the images come from: without the site's registry, with a snapshot if one is given."""
    import copy

    from sensei_tui.site.tree import get_path, set_path

    found = copy.deepcopy(dict(tree))
    set_path(found, "global.imageRegistry", "")
    if patterns and get_path(found, "patternLibrary.source") != "local":
        set_path(found, "patternLibrary.source", "local")
        set_path(found, "patternLibrary.snapshotPath", "/data/patterns")
    return found


def _made(artifacts: Mapping[str, tuple[str, ...]], user: str) -> str:
    from sensei_tui.base.errors import UsageError

    found = [name for name, users in artifacts.items() if any(item.endswith(f"/{user}") for item in users)]
    if not found:
        raise UsageError(
            f"The charts need no artifact for {user} with these values.",
            why=f"they need {', '.join(artifacts) or 'none'}",
            remedy="Name the values of the site with -f: a model needs llm.provider: local.",
        )  # fmt: skip
    return found[0]


def _source(named: str, ca: Path | None, plain: bool, work: Path) -> Source:
    from sensei_tui.bundle.from_engine import TOLD, Engine
    from sensei_tui.bundle.from_registry import Registries
    from sensei_tui.bundle.layout import Layout
    from sensei_tui.registry.client import Registry
    from sensei_tui.registry.credentials import Keyring
    from sensei_tui.registry.reference import Place

    if named.startswith("oci:"):
        return Layout(Path(named.removeprefix("oci:")))
    if named == "docker":
        note(TOLD)
        return Engine(work)
    place = Place.parse(named) if named else None
    return Registries(lambda one: Registry(one, ca=ca, plain=plain, credentials=Keyring()), place)

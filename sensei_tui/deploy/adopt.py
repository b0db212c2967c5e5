"""A bundle becomes a site's: its charts, its version, and what the next run loads."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sensei_tui.base import clock
from sensei_tui.base.paths import write_atomic
from sensei_tui.base.text import plural
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.joined import Joined
from sensei_tui.bundle.oci import digest_of
from sensei_tui.bundle.opened import Bundle
from sensei_tui.bundle.verify import sums
from sensei_tui.deploy.fitting import WrongBundle, doubts_of_use
from sensei_tui.deploy.loading import keys_of
from sensei_tui.registry.reference import Place
from sensei_tui.site.charts import CHARTS
from sensei_tui.site.site import Site
from sensei_tui.site.tree import get_path
from sensei_tui.site.values import load_values

CHART_MAX = 16 << 20
"""Bytes of a chart unpacked; Helm itself takes 100 MiB, ours have some 300 KiB."""


@dataclass(frozen=True)
class Candidate:
    """A bundle that could become the site's."""

    file: Path
    bundle: Bundle
    unsigned: bool
    """Nobody whom the site trusts vouches for it."""
    doubts: tuple[str, ...]
    """What is to be known before: why it is not trusted, its age, that it is an older version."""


def look(site: Site, file: Path) -> Candidate:
    """Reads its head. Raises NoBundle, BadBundle, BadSignature, WrongBundle."""
    bundle = Bundle.open(file)
    seal, why = bundle.seal(keys_of(site), clock.now(), allow_unsigned=True)
    told = seal.warnings if seal else (why,)
    doubts = (*doubts_of_use(site, bundle.contents, str(file)), *doubts_of_parts(bundle))
    return Candidate(file, bundle, seal is None, (*told, *doubts))


def doubts_of_parts(bundle: Bundle) -> list[str]:
    """Sentences where it is not all of it that is here."""
    found, missing, first = list[str](), bundle.missing, "must be in the registry first"
    if missing:
        numbers = ", ".join(str(item.number) for item in missing)
        found.append(f"of its {missing[0].of} volumes these are not there: {numbers}; what they have {first}")
    if left := bundle.contents.left_out:
        found.append(f"it leaves out {left}, which {first}")
    return found


def adopt(
    site: Site, file: Path, bundle: Bundle, *, registry: str | None, keys: Path | None, unsigned: bool
) -> dict[str, str]:
    """Write the charts, then site.yaml: `file` is where the bundle, or a directory of its volumes, lies.

    Returns what is so now, and what is still to be done. Raises BadBundle, BadReference, OSError.
    """
    place = str(Place.parse(registry)) if registry else site.config.registry
    bundle.check_small()
    _charts(site, bundle)
    added = _trust(site.root / "trusted-keys", keys) if keys else 0
    site.configure(
        version=bundle.contents.version, bundle=str(file.resolve()), registry=place, bundle_unsigned=unsigned
    )
    charts = ", ".join(f"{item.name} {item.version}" for item in bundle.contents.charts)
    told = {"version": bundle.contents.version, "charts": charts, "bundle": str(file), "registry": place or "-"}
    if added:
        told["trusted"] = f"{plural(added, 'line')} added to {site.root / 'trusted-keys'}"
    return told | _next(site, place)


def _trust(file: Path, keys: Path) -> int:
    """Add the lines that are not there yet; whom the site trusts already stays. Returns how many. Raises OSError."""
    there = file.read_text().splitlines() if file.exists() else []
    new = [line for line in keys.read_text().splitlines() if line.strip() and line not in there]
    if new:
        write_atomic(file, "\n".join([*there, *new, ""]), mode=0o644)
    return len(new)


def _next(site: Site, place: str) -> dict[str, str]:
    """Pods take their images from where the values say."""
    if not place:
        return {"next": "sensei site set --registry HOST[/PREFIX] (and --registry-ca FILE, or --registry-plain-http)"}
    if get_path(load_values(site).tree, "global.imageRegistry") != place:
        return {"next": f"sensei config set global.imageRegistry {place}"}
    return {}


def _charts(site: Site, bundle: Bundle) -> None:
    """All of them beside the old ones, then in their place."""
    target = site.root / "charts"
    with tempfile.TemporaryDirectory(prefix=".charts-", dir=site.root) as made:
        for name in CHARTS.values():
            _unpack(bundle, name, Path(made))
        old = Path(made) / "old"
        if target.exists():
            target.rename(old)
        fresh = Path(made) / "new"
        fresh.mkdir()
        for name in CHARTS.values():
            shutil.move(Path(made) / name, fresh / name)
        fresh.rename(target)


def _unpack(bundle: Bundle, name: str, directory: Path) -> None:
    chart = next((item for item in bundle.contents.charts if item.name == name), None)
    if chart is None:
        raise BadBundle(f"The bundle has no chart {name}.", where=str(bundle.path))
    if isinstance(bundle.archive, Joined) and chart.file in bundle.archive.absent:
        raise WrongBundle(
            "The charts are in another volume.", where=str(bundle.path), why=f"{chart.file} is not in this one",
            remedy="Name volume 1, or a directory of all volumes.",
        )  # fmt: skip
    content = bundle.archive.text(chart.file, CHART_MAX)
    where = f"{bundle.path}: {chart.file}"
    if digest_of(content) != f"sha256:{sums(bundle.archive)[chart.file]}":
        raise BadBundle("The bundle is damaged.", where=where, why="its content is not what its checksum says")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            files = [item for item in tar if item.isreg() and item.name.startswith(f"{name}/")]
            if sum(item.size for item in files) > CHART_MAX:
                raise BadBundle("A chart of the bundle is larger than it can be.", where=where)
            tar.extractall(directory, files, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadBundle("A chart of the bundle can't be unpacked.", where=where, why=str(error)) from None

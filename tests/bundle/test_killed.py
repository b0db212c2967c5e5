"""Killed while it is made, a bundle becomes the same bytes; so do volumes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from sensei_tui.bundle.create import SHAPES, write_bundle
from tests.bundle.samples import built, bundle, layout
from tests.bundle.test_create import FORMS, sha
from tests.bundle.test_volumes import layout as large
from tests.bundle.test_volumes import written

BUNDLE = """
import sys, time
from pathlib import Path
from sensei_tui.bundle.create import SHAPES, write_bundle
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import built
root, source, form = map(Path, sys.argv[1:])
made = built(root, source)
print("begins", flush=True)
write_bundle(made, root / "bundle", SHAPES[str(form)], lambda *_: time.sleep(0.0005))
"""


@FORMS
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path: Path, form: str) -> None:
    source = layout(tmp_path / "layout", 6_000_000)
    (tmp_path / "whole").mkdir()
    wanted = sha(bundle(tmp_path / "whole", form, source))
    part, kept = tmp_path / "bundle.part", [0]
    for number in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", BUNDLE, tmp_path, source, form], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stdout.readline() == "begins\n"
        size = kept[-1] + random.Random(number).randrange(1, 1_500_000)
        while process.poll() is None and length(part) < size:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        if not part.exists():
            break
        kept.append(length(part))
    assert len(kept) > 2, "it was killed in the middle"
    write_bundle(built(tmp_path, source), tmp_path / "bundle", SHAPES[form])
    assert sha(tmp_path / "bundle") == wanted
    assert not part.exists()


def length(path: Path) -> int:
    """Of a file that may get another name at any moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


VOLUMES = """
import sys, time
from pathlib import Path
from sensei_tui.bundle.create import SHAPES
from sensei_tui.bundle.volumes import split, write_volumes
from tests.bundle.samples import built
from tests.bundle.test_volumes import LIMIT, UNIT
root = Path(sys.argv[1])
builds = split(built(root, root / "layout"), SHAPES["tar.gz"], LIMIT, UNIT)
write_volumes(builds, root / "bundle.tar.gz", SHAPES["tar.gz"], LIMIT, lambda *_: time.sleep(0.002))
"""


def test_killed_among_the_volumes_it_goes_on_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    large(tmp_path / "layout")
    shutil.copytree(tmp_path / "layout", tmp_path / "whole" / "layout")
    wanted = [path.read_bytes() for path in written(tmp_path / "whole")]
    kept: dict[Path, int] = {}
    for number in range(1, len(wanted)):
        process = subprocess.Popen([sys.executable, "-c", VOLUMES, tmp_path])
        while process.poll() is None and len(list(tmp_path.glob("*.tar.gz"))) < number:
            pass
        process.kill()
        assert process.wait() != 0, "it was killed in the middle"
        found = {path: path.stat().st_ino for path in tmp_path.glob("*.tar.gz")}
        assert found.items() >= kept.items(), "what was whole was not written again"
        kept = found
    assert [path.read_bytes() for path in written(tmp_path)] == wanted
    assert not list(tmp_path.glob("*.part"))

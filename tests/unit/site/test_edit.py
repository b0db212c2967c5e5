"""Editing the operator's files: what is not edited stays as it is, byte for byte."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.site.edit import ChangedOnDisk, ValuesEditor
from sensei_tui.site.schema import settings
from sensei_tui.site.site import Site
from sensei_tui.site.splice import CannotEdit, remove, set_value
from sensei_tui.site.tree import get_path
from sensei_tui.site.yamlfile import YamlError, parse, plain
from tests.unit.site.helpers import API_KEY, KEY, LICENSED, guide, site_with

FILE = Path("values.yaml")
GUIDE = guide("values.yaml")
LISTS = "global:\n    imagePullSecrets: # names\n    - one # first\n    # between\n    - two\n    domain: d # after\n\n# end\n"
ANCHORS = """\
dataPlane:
  maba: &small
    replicas: 2
  kora: *small
  amani:
    <<: *small
    image: {tag: '1.0'} # ours
  workers: {replicas: 4}
# end
"""


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, with `-` and `+`."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line.rstrip() for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        ("controlPlane.replicas", 3, ["-   replicas: 2", "+   replicas: 3"]),
        ("storage.type", "other", ["-   type: minio # Bundled MinIO", "+   type: other # Bundled MinIO"]),
        ("redis.external.host", "redis.lan", ["+     host: redis.lan"]),
        ("storage.external.enabled", True, ["+   external:", "+     enabled: true"]),
        ("global.imagePullSecrets", ["a", "b"], ["+   imagePullSecrets:", "+   - a", "+   - b"]),
        ("vectorDb.replicas", 1, ["+ vectorDb:", "+   replicas: 1"]),
        ("global.domain", "yes", ["-   domain: sensei.internal.example.com", "+   domain: 'yes'"]),
        ("global.domain", "a: b # c", ["-   domain: sensei.internal.example.com", "+   domain: 'a: b # c'"]),
        ("global.domain", "", ["-   domain: sensei.internal.example.com", "+   domain: ''"]),
    ],
)
def test_only_the_edited_lines_change(path: str, value: Any, lines: list[str]) -> None:
    after = set_value(GUIDE, path, value, FILE)
    assert changed(GUIDE, after) == lines
    windows = set_value(GUIDE.replace("\n", "\r\n"), path, value, FILE)
    assert windows == after.replace("\n", "\r\n"), "line ends stay as they are"


def test_new_group_goes_behind_the_comments_of_the_last_one() -> None:
    after = set_value(GUIDE, "vectorDb.replicas", 1, FILE)
    assert after == GUIDE + "vectorDb:\n  replicas: 1\n"


def test_new_key_stays_with_its_group_and_comments_stay_where_they_are() -> None:
    text = "redis:\n  external:\n    enabled: false\n\n# about the storage\nstorage:\n  type: minio\n"
    assert set_value(text, "redis.external.port", 1, FILE) == text.replace("false\n", "false\n    port: 1\n")
    assert remove(text, "redis.external.enabled", FILE) == "\n# about the storage\nstorage:\n  type: minio\n"


def test_what_was_set_and_removed_leaves_no_trace() -> None:
    for path in ("redis.external.host", "vectorDb.replicas", "global.imagePullSecrets", "llm.gpu.count"):
        assert remove(set_value(GUIDE, path, 1, FILE), path, FILE) == GUIDE


def test_every_setting_can_be_set_beside_the_guides_text() -> None:
    for path, sub in settings():
        value = sub.get("default", 1)
        gone = [line for line in changed(GUIDE, set_value(GUIDE, path, value, FILE)) if line[0] == "-"]
        assert len(gone) <= 1, path
        assert (gone == []) == (get_path(plain(parse(GUIDE, FILE)), path) in (None, value)), path


def test_lists_and_wide_indentation() -> None:
    longer = set_value(LISTS, "global.imagePullSecrets", ["one", "three"], FILE)
    assert plain(parse(longer, FILE)) == {"global": {"imagePullSecrets": ["one", "three"], "domain": "d"}}
    assert "    imagePullSecrets: # names\n" in longer
    assert longer.endswith("    domain: d # after\n\n# end\n")
    assert (
        set_value(LISTS, "global.imagePullSecrets", [], FILE)
        == "global:\n    imagePullSecrets: [] # names\n    domain: d # after\n\n# end\n"
    )
    assert changed(LISTS, set_value(LISTS, "global.storageClass", "fast", FILE)) == ["+     storageClass: fast"]
    assert remove(LISTS, "global.imagePullSecrets", FILE) == "global:\n    domain: d # after\n\n# end\n"


def test_flow_mappings() -> None:
    text = "a: {b: 1, c: 2} # x\nlicense: {}\n"
    assert set_value(text, "a.b", 5, FILE) == "a: {b: 5, c: 2} # x\nlicense: {}\n"
    assert set_value(text, "a.d", "x, y", FILE) == "a: {b: 1, c: 2, d: 'x, y'} # x\nlicense: {}\n"
    assert set_value(text, "license.key", "k", FILE) == "a: {b: 1, c: 2} # x\nlicense: {key: k}\n"
    assert remove(text, "a.b", FILE) == "a: {c: 2} # x\nlicense: {}\n"
    assert remove(text, "a.c", FILE) == "a: {b: 1} # x\nlicense: {}\n"


def test_empty_values_and_empty_files() -> None:
    assert set_value("llm:\n  # provider: local\nredis: {}\n", "llm.provider", "none", FILE) == (
        "llm:\n  provider: none\n  # provider: local\nredis: {}\n"
    )
    assert set_value("", "a.b", 1, FILE) == "a:\n  b: 1\n"
    assert set_value("# about\n\n", "a.b", 1, FILE) == "# about\na:\n  b: 1\n\n\n"
    assert set_value("a: 1", "b", 2, FILE) == "a: 1\nb: 2"
    assert remove("# about\na:\n  b: 1\n# end\n", "a.b", FILE) == "# about\n# end\n"
    assert set_value("\ufeffa: 1\n", "a", 2, FILE) == "\ufeffa: 2\n"


def test_multiline_text() -> None:
    text = "a: |\n  one\n  two\n\n# next\nb: >-\n  x\nc: 'y'\n"
    assert set_value(text, "a", "z", FILE) == "a: z\n\n# next\nb: >-\n  x\nc: 'y'\n"
    assert set_value(text, "b", "z", FILE) == text.replace(">-\n  x", "z")
    assert remove(text, "a", FILE) == "\n# next\nb: >-\n  x\nc: 'y'\n"


def test_anchors() -> None:
    after = set_value(ANCHORS, "dataPlane.workers.replicas", 5, FILE)
    assert changed(ANCHORS, after) == ["-   workers: {replicas: 4}", "+   workers: {replicas: 5}"]
    after = set_value(ANCHORS, "dataPlane.kora.replicas", 5, FILE)
    assert changed(ANCHORS, after) == ["-   kora: *small", "+   kora:", "+     replicas: 5"]
    after = set_value(ANCHORS, "dataPlane.amani.replicas", 5, FILE)
    assert plain(parse(after, FILE))["dataPlane"]["amani"] == {"replicas": 5, "image": {"tag": "1.0"}}
    assert plain(parse(after, FILE))["dataPlane"]["maba"] == {"replicas": 2}


def test_edit_that_would_change_something_else_is_refused() -> None:
    with pytest.raises(CannotEdit, match="cannot be changed alone"):
        set_value(ANCHORS, "dataPlane.maba.replicas", 7, FILE)
    with pytest.raises(CannotEdit):
        remove(ANCHORS, "dataPlane.amani.replicas", FILE)


def test_editor_writes_only_the_file_that_sets_it_last(tmp_path: Path) -> None:
    site = site_with(tmp_path, values=GUIDE, values_airgapped=guide("values-airgapped.yaml"), license=LICENSED)
    (tmp_path / "values-airgapped.yaml").chmod(0o640)
    editor = ValuesEditor(site)
    editor.set("llm.model", "other")
    editor.set("license.organization", "Other")
    before = editor.dirty
    assert (tmp_path / "values-airgapped.yaml").read_text() == guide("values-airgapped.yaml"), "not before it is saved"
    editor.save()
    assert (before, editor.dirty) == (True, False)
    assert (tmp_path / "values.yaml").read_text() == GUIDE
    assert (tmp_path / "license.yaml").read_text() == LICENSED.replace("Example", "Other")
    found = (tmp_path / "values-airgapped.yaml").read_text()
    assert found == guide("values-airgapped.yaml").replace("llama-3-70b", "other")
    assert (tmp_path / "values-airgapped.yaml").stat().st_mode & 0o777 == 0o640
    assert ValuesEditor(site).values().get("llm.model") == "other"


def test_editor_takes_a_setting_out_of_every_file(tmp_path: Path) -> None:
    site = site_with(tmp_path, values=GUIDE, values_airgapped=guide("values-airgapped.yaml"))
    editor = ValuesEditor(site)
    editor.unset("llm.provider")
    assert editor.get("llm.provider") is None
    assert "# Option 1" in editor.text(tmp_path / "values.yaml")
    editor.unset("llm.gpu.count")
    editor.revert()
    assert editor.get("llm.provider") == "local"


def test_secret_typed_into_the_form_goes_to_the_private_file(tmp_path: Path) -> None:
    site = Site.create(tmp_path, name="test")
    (tmp_path / "values.yaml").write_text("llm:\n  provider: anthropic\n")
    editor = ValuesEditor(site)
    editor.set("llm.apiKey", API_KEY)
    editor.set("license.key", KEY)
    assert [path.name for path in editor.files] == ["values.yaml", "license.yaml"]
    editor.save()
    assert (tmp_path / "values.yaml").read_text() == "llm:\n  provider: anthropic\n"
    assert (tmp_path / "license.yaml").stat().st_mode & 0o777 == 0o600
    assert ValuesEditor(site).values().get("llm.apiKey") == API_KEY


def test_file_changed_by_another_program_is_not_overwritten(tmp_path: Path) -> None:
    windows = GUIDE.replace("\n", "\r\n")
    site = site_with(tmp_path, values=windows, license=LICENSED)
    editor = ValuesEditor(site)
    editor.set("controlPlane.replicas", 3)
    editor.save()
    assert (tmp_path / "values.yaml").read_bytes() == windows.replace("replicas: 2", "replicas: 3", 1).encode()
    editor.set("controlPlane.replicas", 4)
    editor.set("license.organization", "Other")
    (tmp_path / "values.yaml").write_text("global: {}\n")
    with pytest.raises(ChangedOnDisk) as caught:
        editor.save()
    assert caught.value.where == str(tmp_path / "values.yaml")
    assert (tmp_path / "values.yaml").read_text() == "global: {}\n"
    assert (tmp_path / "license.yaml").read_text() == LICENSED, "all files or none"
    assert editor.dirty


def test_broken_text_is_kept_while_it_is_typed(tmp_path: Path) -> None:
    site = site_with(tmp_path, values=GUIDE)
    editor = ValuesEditor(site)
    with pytest.raises(YamlError):
        editor.set_text(tmp_path / "values.yaml", "global: {\n")
    assert editor.text(tmp_path / "values.yaml") == "global: {\n"
    assert editor.dirty
    with pytest.raises(YamlError):
        editor.set("global.domain", "d")
    editor.set_text(tmp_path / "values.yaml", "global: {}\n")
    editor.set("global.domain", "d")
    assert editor.text(tmp_path / "values.yaml") == "global: {domain: d}\n"

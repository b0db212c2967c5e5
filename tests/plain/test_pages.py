"""Each function of each page once, on an installed site, by what an operator reads and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.base.redaction import MASK
from sensei_tui.rehearsal import launch
from sensei_tui.runs.model import RunState
from sensei_tui.site.new import create_site
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import API_KEY, LICENSE, SiteUnderTest, ended
from tests.plain.operator import Operator, operator

pytestmark = pytest.mark.e2e
FILES = ("values.yaml", "license.yaml")
WARNS = "storageClasses: [{name: slow, default: true, binding: Immediate, expandable: false}]\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteUnderTest]:
    with rehearsed(tmp_path_factory.mktemp("plain") / "site", WARNS) as found:
        found.sensei("install", "--yes")
        yield found


@pytest.fixture
def console(installed: SiteUnderTest) -> Iterator[Operator]:
    """On Home; afterwards nothing strange and no secret was printed, and the site's files are as before."""
    files = {installed.site.root / name: (installed.site.root / name).read_text() for name in FILES}
    with operator(installed) as found:
        found.until("Nothing: Sensei 1.0.0 is deployed", "Home> ")
        yield found
        for path, text in files.items():
            path.write_text(text)
        found.check_bytes()
        assert API_KEY not in found.said
        assert LICENSE not in found.said


def test_wrong_answers_are_said_and_change_nothing(console: Operator) -> None:
    for wrong in ("zz", "99", "9" * 400, "-1", "1.5", "\x1b[A", "00"):
        assert "here. Enter shows the page again" in console.answer(wrong, "Home> ")
    console.answer("", "What to do next:", "Home> ")
    console.answer("   ", "What to do next:", "Home> ")
    console.answer("?", "Home answers one question", "Home> ")


def test_home_names_another_cluster_and_keeps_the_old_one_if_it_cannot_be_read(
    console: Operator, installed: SiteUnderTest
) -> None:
    console.pick("name the cluster's kubeconfig", "A file in kubeconfig form", "Path of the kubeconfig")
    console.answer("/nowhere/at/all", "There is no such file.", "Path of the kubeconfig")
    console.key(b"\x03")
    console.until("Nothing was changed.", "Home> ")
    assert installed.site.open(installed.site.root).config.rehearsal


def test_home_offers_other_profiles_and_says_when_the_terminal_cannot_draw_them(console: Operator) -> None:
    console.answer("p", "How shall this terminal be drawn?", "serial")
    console.pick("serial", "This terminal stays plain.", "'dumb'", "Home> ")


def test_home_is_left_by_its_number(console: Operator) -> None:
    console.type(console.number("leave; a run goes on"))
    assert console.wait_end() == 0


def test_preflight(console: Operator, installed: SiteUnderTest, tmp_path: Path) -> None:
    console.pick("Preflight", "warn 2", "sc.binding", "Preflight> ")
    console.pick("measure again", "run 0s ago", "Preflight> ")
    console.pick("sc.binding", "-- sc.binding", " threshold ", " do ", "Preflight> ")
    console.answer("/cap", "Only rows that contain 'cap'", "cap.nodes", "Preflight> ")
    assert "sc.binding" not in console.new
    console.answer("/", "Show only rows that contain (Enter: all)")
    console.answer("", "sc.binding", "Preflight> ")
    console.answer("w", "Which? The number of its line")
    console.answer("999", "There is no row '999'.", "Which?")
    console.pick("cap.nodes", "cap.nodes is ok: there is nothing to waive.", "Preflight> ")
    place = console.number("sc.binding")
    console.answer(f"w {place}", "Why is sc.binding acceptable here?")
    console.answer("x", "Say why, in a few words.", "Why is sc.binding acceptable here?")
    console.answer("a pilot, moved later", "waived 1", "Preflight> ")
    console.pick("sc.binding", "a pilot, moved later", "Preflight> ")
    console.answer("w", "Which?")
    console.pick("waived  sc.binding", "waived 0", "Preflight> ")
    console.answer("x", "Write the report to")
    console.answer("/nowhere/report.json", "No such file or directory", "Preflight> ")
    console.answer("x", "Write the report to")
    file = tmp_path / "report.json"
    console.answer(str(file), "Written: ", "Preflight> ")
    assert {item["id"] for item in json.loads(file.read_text())["findings"]} >= {"sc.binding", "cap.nodes"}


def test_health(console: Operator) -> None:
    console.pick("Health", "ok  all 13 components ready", "Health> ")
    console.pick("KORA", "-- kora", "Deployment/sensei-kora", "Health> ")
    console.answer("l", "Which?")
    console.pick("KORA", "Which pod?", "sensei-kora-")
    console.answer("7", "There is no '7' here: a number from 1 to 2.")
    console.answer("1", "-- logs sensei-kora-", "ready to serve", "Health> ")
    console.answer("d", "Which?")
    console.pick("KORA", "-- describe Deployment/sensei-kora", "events", "Health> ")
    console.answer("y", "Which?")
    console.pick("KORA", "-- yaml Deployment/sensei-kora", "kind: Deployment", "Health> ")
    console.pick("list pods", "28 pods", "Running", "Health> ")
    console.pick("sensei-redis-0", "-- logs sensei-redis-0", "Health> ")
    console.answer(f"d {console.number('sensei-redis-0')}", "-- describe Pod/sensei-redis-0", "Health> ")
    console.pick("list services", "sensei-dashboard", "2/2 ready", "Health> ")
    console.pick("sensei-dashboard", "2 of 2 endpoints ready", "Health> ")
    console.pick("list nodes", "node-1", "cores", "Health> ")
    assert "[#" not in console.new
    console.pick("node-1", "-- node-1", "cores requested", "Health> ")
    console.pick("open a port to the dashboard", "The dashboard answers at http://127.0.0.1:", "Health> ")
    console.answer("f", "The port is closed.", "Health> ")
    console.pick("list components", "MABA", "Health> ")
    console.answer("/kora", "Only rows that contain 'kora'", "Health> ")
    assert "MABA" not in console.new


def test_history_and_the_plans_that_start_from_it(console: Operator, installed: SiteUnderTest) -> None:
    console.pick("History", "done", "0001", "install", "History> ")
    console.pick("0001", "-- run 0001", "Verify the platform", "created Namespace/sensei", "History> ")
    console.answer(f"a {console.number('0001')}", "run 0001", "Done in", "Deploy> ")
    console.pick("the whole log", "-- log of run 0001", "Deploy> ")
    console.answer("0", "Home> ")
    console.pick("History", "History> ")
    console.answer("b", "Roll back release sensei to which revision?")
    console.answer("none", "A revision is a whole number from 1.")
    console.answer("1", "The plan: rollback", "Nothing has been changed yet", "Deploy> ")
    console.answer("s", "Start rollback", "yes or no?")
    console.answer("", "Nothing was changed.", "Deploy> ")
    console.answer("0", "Home> ")
    console.pick("History", "History> ")
    console.answer("s", "The plan: backup", "What is done", "Deploy> ")
    console.answer("0", "Home> ")
    console.pick("History", "History> ")
    console.answer("o", "Restore which backup? (Enter: latest)")
    console.answer("a b", "A name has letters, digits and dashes.")
    console.answer("", "The plan: restore", "replaced by backup latest", "Deploy> ")
    console.answer("s", "Sensei stops serving until it is done.", "Type the namespace (sensei)")
    console.answer("", "Nothing was changed.", "Deploy> ")
    console.answer("0", "Home> ")
    console.pick("History", "History> ")
    console.pick("plan to take Sensei away", "The plan: uninstall", "What goes and what stays", "Deploy> ")
    console.answer("s", "Sensei stops serving. Its data", "Type the namespace (sensei)")
    console.answer("yes", "'yes' is not the namespace.", "Nothing was changed.", "Deploy> ")
    assert installed.run().id == "0001"


def test_a_field_edit_that_is_refused_loses_nothing(console: Operator, installed: SiteUnderTest) -> None:
    values = installed.site.root / "values.yaml"
    before = values.read_text()
    console.pick("Configure", "saved | valid", "Control plane", "Configure> ")
    console.pick("Control plane", "Replicas", "Configure> ")
    console.pick("Replicas", "controlPlane.replicas", " allowed ", "New value (Enter: leave it")
    said = console.answer("many", "That is not allowed there; nothing was changed.", "New value (Enter: leave it")
    assert "controlPlane.replicas in values.yaml" in said
    assert "a whole number" in said
    assert "Give another value, or Enter to leave it as it is." in said
    console.answer("3", "not saved | valid", "Configure> ")
    assert "Replicas                3" in console.new
    console.pick("Replicas", "now 3")
    console.answer("", "Nothing was changed.", "Configure> ")
    console.pick("what differs from what is deployed", "+ controlPlane.replicas: 3", "Configure> ")
    console.answer("0", "Control plane  set", "Configure> ")
    console.answer("0", "Home> ")
    console.answer("0", "Leave without saving the configuration?", "The edits made here would be lost.")
    console.answer("", "Home> ")
    assert values.read_text() == before
    console.pick("Configure", "not saved", "Configure> ")
    console.pick("take back every edit", "Take back every edit since the last save?")
    console.answer("y", "saved | valid", "Configure> ")
    assert values.read_text() == before


def test_fields_of_every_kind_and_saving(console: Operator, installed: SiteUnderTest) -> None:
    values = installed.site.root / "values.yaml"
    before = values.read_text()
    console.pick("Configure", "Configure> ")
    console.pick("LLM", "Provider", "Configure> ")
    console.pick("Provider", "now anthropic", "Number (Enter: none)")
    console.answer("77", "There is no '77' here")
    console.answer("0", "Nothing was changed.", "Configure> ")
    console.answer("0", "Configure> ")
    console.pick("PostgreSQL", "Configure> ")
    console.pick("external", "Number (Enter: none)")
    console.answer("2", "Configure> ")
    console.answer("0", "Configure> ")
    console.pick("Control plane", "Configure> ")
    console.pick("Replicas", "New value")
    console.answer("4", "not saved", "Configure> ")
    console.pick("save the edits", "Saved.", "Configure> ")
    assert "controlPlane:\n  replicas: 4\n" in values.read_text()
    console.answer("d", "Which?")
    console.pick("Replicas", "not saved", "Configure> ")
    console.answer("s", "Saved.", "Configure> ")
    assert "controlPlane:\n  replicas: 4\n" not in values.read_text()
    assert before.splitlines()[0] in values.read_text()


def test_a_secret_is_typed_unseen_and_never_shown(console: Operator, installed: SiteUnderTest) -> None:
    file = installed.site.root / "license.yaml"
    console.pick("Configure", "Configure> ")
    console.pick("License", MASK, "Configure> ")
    console.pick("key", "New value (Enter: leave it")
    console.answer("typed-license-5512", "not saved", "Configure> ")
    console.answer("v", "values.yaml", "Configure> ")
    console.answer("o", "license.yaml", f"key: {MASK}", "Configure> ")
    console.pick("key: ", "The new line, blanks in front count")
    console.answer("  key: 'second-license-5513'", MASK, "Configure> ")
    console.answer("s", "Saved.", "Configure> ")
    assert "second-license-5513" in file.read_text()
    assert "license-551" not in console.said
    assert console.modes == console.modes_before


def test_the_file_itself_line_by_line(console: Operator, installed: SiteUnderTest) -> None:
    values = installed.site.root / "values.yaml"
    before = values.read_text()
    console.pick("Configure", "Configure> ")
    console.answer("v", "values.yaml", "Configure> ")
    lines = before.splitlines()
    place = next(number for number, text in enumerate(lines, 1) if text.strip().startswith("domain:"))
    assert console.number(lines[place - 1].strip()) == str(place)
    console.answer(str(place), lines[place - 1].strip(), "The new line")
    console.answer("  domain: plain.example", f"{place}    domain: plain.example", "Configure> ")
    console.answer("i", "After which line?")
    console.answer(str(place + 7000), "A line's number, from 0 to")
    console.answer(str(place), "The new line")
    said = console.answer("   broken: [", "The file is not valid YAML.", "values.yaml:", " do ", "Configure> ")
    assert "save the edits" not in said
    console.answer("s", "Not now: save the edits", "Configure> ")
    console.answer("", "YAML is broken", "Configure> ")
    console.answer(f"x {place + 1}", "domain: plain.example", "save the edits", "Configure> ")
    console.answer("s", "Saved.", "Configure> ")
    assert values.read_text() == before.replace(lines[place - 1], "  domain: plain.example")


def test_an_upgrade_and_an_uninstallation_by_its_namespaces_name(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("install", "--yes")
        with operator(found) as console:
            console.until("Home> ")
            console.pick("Configure", "Configure> ")
            console.pick("Control plane", "Configure> ")
            console.pick("Replicas", "New value")
            console.answer("3", "Configure> ")
            console.answer("s", "Saved.", "Configure> ")
            console.answer("0", "Configure> ")
            console.answer("0", "Home> ")
            console.pick("Deploy", "The plan: upgrade", "controlPlane.replicas: 3", "Deploy> ")
            console.answer("s", "Start upgrade", "yes or no?")
            console.answer("y", "Run 0002 done in", "Deploy> ", timeout=120)
            console.answer("0", "Home> ")
            console.pick("History", "History> ")
            console.pick("plan to take Sensei away", "The plan: uninstall", "Deploy> ")
            console.answer("s", "Type the namespace (sensei)")
            console.answer("sensei", "Run 0003 done in", "Deploy> ", timeout=120)
            console.check_bytes()
        assert found.until(ended).state is RunState.DONE
        assert found.kubectl("get", "pods")["items"] == []


def test_a_new_site_is_rehearsed(tmp_path: Path) -> None:
    site = create_site(tmp_path / "site", name="new", rehearsal=False)
    found = SiteUnderTest(site)
    try:
        with operator(found) as console:
            console.until("Name a cluster (press K), or rehearse", "none configured", "Home> ")
            console.pick("Health", "No cluster is configured. Press 0, then K", "Health> ")
            console.answer("0", "Home> ")
            console.pick("practise on the simulated cluster", "rehearsal (sensei)", "Check the cluster", "Home> ")
            console.check_bytes()
    finally:
        launch.stop(site.rehearsal_dir)

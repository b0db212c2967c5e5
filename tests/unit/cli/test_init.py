"""`sensei init`."""

from __future__ import annotations

from pathlib import Path

from sensei_tui.site.site import Site
from tests.unit.cli.helpers import sensei


def test_init_makes_a_site_that_the_next_command_works_on(tmp_path: Path) -> None:
    done = sensei(tmp_path, "init", "prod")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Site prod in {tmp_path / 'prod'}\n")
    assert "site.yaml, values.yaml, license.yaml" in done.out
    assert (tmp_path / "prod" / ".gitignore").read_text().splitlines()[1:] == ["/.sensei/", "/license.yaml"]
    checked = sensei(tmp_path / "prod", "config", "validate")
    assert checked.code == 0
    assert "warning: " in checked.out


def test_init_takes_the_cluster(tmp_path: Path) -> None:
    done = sensei(
        tmp_path, "init", "2024", "--airgapped", "--kubeconfig", "kube/config", "--context", "admin@prod",
        "--namespace", "sensei-prod", "--name", "Site: one", "-o", "json",
    )  # fmt: skip
    assert done.data == {
        "site": "Site: one",
        "directory": str(tmp_path / "2024"),
        "files": ["site.yaml", "values.yaml", "values-airgapped.yaml", "license.yaml"],
    }
    config = Site.open(tmp_path / "2024").config
    assert (config.context, config.namespace) == ("admin@prod", "sensei-prod")
    assert config.kubeconfig == str(tmp_path / "kube" / "config"), "named from where the command was given"


def test_init_writes_nothing_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("mine: true\n")
    done = sensei(tmp_path, "init", ".", "-o", "json")
    assert done.code == 2
    assert done.out == ""
    assert done.error["where"] == "values.yaml"
    assert [path.name for path in tmp_path.iterdir()] == ["values.yaml"]


def test_init_refuses_a_namespace_kubernetes_would_not_take(tmp_path: Path) -> None:
    done = sensei(tmp_path, "init", "prod", "--namespace", "Not_Valid")
    assert done.code == 2
    assert "namespace" in done.err
    assert not (tmp_path / "prod").exists()


def test_commands_without_a_site_say_how_to_make_one(tmp_path: Path) -> None:
    done = sensei(tmp_path, "config", "show", "-o", "json")
    assert done.code == 2
    assert (done.error["code"], done.out) == ("no-site", "")
    assert "sensei init DIR" in done.error["remedy"]

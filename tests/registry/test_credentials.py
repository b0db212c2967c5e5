"""Logins as docker, podman and credential helpers keep them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from sensei_tui.base.redaction import Secret
from sensei_tui.registry.credentials import CredentialsError, Keyring, Login
from sensei_tui.registry.reference import Place

PLACE = Place.parse("registry.lan:5000/mirror/a")
WORD = "hidden-word:ü"


def auth(user: str = "me", word: str = WORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{word}".encode()).decode()}


def write(path: Path, told: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told))
    return path


def helper(directory: Path, name: str, script: str) -> str:
    """A program `docker-credential-NAME`; the value of PATH that has it."""
    program = directory / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{directory}:/usr/bin:/bin"


def found(home: Path, place: Place = PLACE, /, **environment: str) -> Login | None:
    return Keyring(environment, home, seconds=5).find(place)


@pytest.mark.parametrize(
    "key", ["registry.lan:5000", "https://registry.lan:5000", "http://registry.lan:5000/", "https://registry.lan:5000/v2/",
            "registry.lan:5000/mirror", "registry.lan:5000/mirror/a"],
)  # fmt: skip
def test_keys_as_the_years_have_written_them(tmp_path: Path, key: str) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"other.lan": auth("other"), key: auth()}})
    login = found(tmp_path)
    assert login
    assert (login.user, login.password) == ("me", Secret(WORD))


def test_the_longest_path_wins_and_other_paths_do_not_count(tmp_path: Path) -> None:
    auths = {
        "registry.lan:5000": auth("host"),
        "registry.lan:5000/mirror": auth("path"),
        "registry.lan:5000/b": auth("b"),
    }
    write(tmp_path / ".docker/config.json", {"auths": auths})
    login = found(tmp_path)
    assert login
    assert login.user == "path"
    assert found(tmp_path, Place.parse("registry.lan")) is None
    assert found(tmp_path, Place.parse("registry.lan:5000/mirrored")) == found(
        tmp_path, Place.parse("registry.lan:5000")
    )


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"])
def test_the_hub(tmp_path: Path, key: str) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {key: auth()}})
    assert found(tmp_path, Place.parse("docker.io"))


def test_files_in_their_order(tmp_path: Path) -> None:
    places = {
        "own": ({"REGISTRY_AUTH_FILE": str(tmp_path / "own.json")}, tmp_path / "own.json"),
        "docker": ({"DOCKER_CONFIG": str(tmp_path / "d")}, tmp_path / "d/config.json"),
        "runtime": ({"XDG_RUNTIME_DIR": str(tmp_path / "r")}, tmp_path / "r/containers/auth.json"),
        "config": ({}, tmp_path / ".config/containers/auth.json"),
    }
    environment = {name: value for named, _ in places.values() for name, value in named.items()}
    for user, (_, path) in reversed(places.items()):
        write(path, {"auths": {"registry.lan:5000": auth(user)}})
        login = Keyring(environment, tmp_path).find(PLACE)
        assert login
        assert login.user == user
        assert str(path) in login.source


def test_an_identity_token_and_a_login_in_the_open(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"registry.lan:5000": {**auth(), "identitytoken": "tok"}}})
    login = found(tmp_path)
    assert login
    assert login.identity == Secret("tok")
    write(tmp_path / ".docker/config.json", {"auths": {"registry.lan:5000": {"username": "u", "password": "p"}}})
    assert found(tmp_path) == Login(
        "u", Secret("p"), source=f"the login for registry.lan:5000 in {tmp_path}/.docker/config.json"
    )


def test_a_helper_gets_the_name_on_its_input_and_nothing_in_its_arguments(tmp_path: Path) -> None:
    path = helper(
        tmp_path,
        "ours",
        f"""printf '%s|%s' "$*" "$(cat)" >{tmp_path}/asked; printf '{{"Username":"h","Secret":"s"}}'""",
    )
    write(tmp_path / ".docker/config.json", {"credsStore": "none", "credHelpers": {"registry.lan:5000": "ours"}})
    login = found(tmp_path, PATH=path)
    assert login
    assert (login.user, login.password) == ("h", Secret("s"))
    assert (tmp_path / "asked").read_text() == "get|registry.lan:5000"


def test_the_store_is_asked_for_every_registry(tmp_path: Path) -> None:
    path = helper(tmp_path, "store", f"""cat >{tmp_path}/asked; printf '{{"Username":"<token>","Secret":"s"}}'""")
    write(tmp_path / ".docker/config.json", {"credsStore": "store", "auths": {"docker.io": {}}})
    login = found(tmp_path, Place.parse("docker.io"), PATH=path)
    assert login
    assert login.identity == Secret("s")
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/"


def test_a_store_that_has_none_lets_the_next_file_speak(tmp_path: Path) -> None:
    path = helper(tmp_path, "store", "echo 'credentials not found in native keychain'; exit 1")
    write(tmp_path / ".docker/config.json", {"credsStore": "store"})
    assert found(tmp_path, PATH=path) is None
    write(tmp_path / ".config/containers/auth.json", {"auths": {"registry.lan:5000": auth()}})
    assert found(tmp_path, PATH=path)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo hidden-word; echo hidden-word >&2; exit 3", "it ended with status 3"),
        ("echo hidden-word", "no Username and Secret"),
        ("""printf '{"Username":"hidden-word"}'""", "no Username and Secret"),
        ("exec sleep 60", "did not end within 0.3 seconds"),
    ],
)
def test_a_helper_that_fails_is_told_without_its_words(tmp_path: Path, script: str, why: str) -> None:
    environment = {"PATH": helper(tmp_path, "bad", script)}
    write(tmp_path / ".docker/config.json", {"credsStore": "bad"})
    with pytest.raises(CredentialsError, match="docker-credential-bad") as caught:
        Keyring(environment, tmp_path, seconds=0.3 if "sleep" in script else 20).find(PLACE)
    assert why in caught.value.why
    assert "hidden" not in f"{caught.value}{caught.value.as_dict()}"


@pytest.mark.parametrize("name", ["../x", "a b", "missing", "-x"])
def test_a_helper_that_is_none(tmp_path: Path, name: str) -> None:
    write(tmp_path / ".docker/config.json", {"credsStore": name})
    with pytest.raises(CredentialsError):
        found(tmp_path, PATH=str(tmp_path))


@pytest.mark.parametrize(
    "text", ["hidden-word", '{"auths": {"registry.lan:5000": {"auth": "hidden-word"}}}',
             '{"auths": {"registry.lan:5000": {"auth": "aGlkZGVuLXdvcmQ="}}}'],
)  # fmt: skip
def test_a_broken_file_is_told_without_what_is_in_it(tmp_path: Path, text: str) -> None:
    write(tmp_path / ".docker/config.json", {})
    (tmp_path / ".docker/config.json").write_text(text)
    with pytest.raises(CredentialsError) as caught:
        found(tmp_path)
    assert str(tmp_path) in caught.value.where
    assert "hidden" not in str(caught.value)
    assert "og in again" in caught.value.remedy


@pytest.mark.parametrize("told", [[], "text", {"auths": []}, {"auths": {"registry.lan:5000": "x"}}, {"auths": {"registry.lan:5000": {}}}, {}])  # fmt: skip
def test_a_file_without_a_login(tmp_path: Path, told: object) -> None:
    write(tmp_path / ".docker/config.json", told)
    assert found(tmp_path) is None


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    login = Login("me", Secret(WORD), Secret("tok"))
    keyring = Keyring({"TOKEN": "hidden-word"}, tmp_path)
    for text in (repr(login), str(login), f"{login}", repr(keyring), keyring.looked()):
        assert "hidden" not in text
        assert "tok'" not in text

"""Last log lines: which log is asked for, how often, and what is made of it."""

from __future__ import annotations

from sensei_tui.cluster.errors import ClusterError
from sensei_tui.health.lastlog import LONGEST, REQUESTS, with_last_logs
from sensei_tui.health.model import NotReady, Why


class Logs:
    """Stands in for the cluster's log endpoint: what it answers when is scripted, what was asked is kept."""

    def __init__(self, answers: dict[tuple[str, bool], list[str]], broken: tuple[str, ...] = ()) -> None:
        self.answers, self.broken = answers, broken
        self.asked: list[tuple[str, str, bool]] = []

    def logs(self, pod: str, container: str = "", tail: int = 200, previous: bool = False) -> list[str]:
        self.asked.append((pod, container, previous))
        if pod in self.broken:
            raise ClusterError("The log cannot be read.")
        return self.answers.get((pod, previous), [])


def late(*pods: str, reason: str = "CrashLoopBackOff") -> tuple[NotReady, ...]:
    whys = tuple(Why(object=f"Pod/{pod}", reason=reason, sentence="", container="c") for pod in pods)
    return (NotReady(object="Deployment/x", ready=0, desired=1, why=whys),)


def line(items: tuple[NotReady, ...]) -> str:
    return items[0].why[0].last_log


def test_of_a_crash_loop_the_container_before_is_asked_first() -> None:
    logs = Logs({("a", True): ["starting", "FATAL no redis\x1b[31m", "", "  "], ("a", False): ["starting"]})
    assert line(with_last_logs(logs, late("a"))) == "FATAL no redis"
    assert logs.asked == [("a", "c", True)]


def test_where_the_kubelet_has_none_its_own_log_is_the_answer() -> None:
    logs = Logs({("a", False): ["FATAL no redis"]})
    assert line(with_last_logs(logs, late("a"))) == "FATAL no redis"
    assert logs.asked == [("a", "c", True), ("a", "c", False)]


def test_of_a_container_that_runs_its_own_log_is_asked() -> None:
    logs = Logs({("a", False): ["loading model 3/8"]})
    assert line(with_last_logs(logs, late("a", reason="Starting"))) == "loading model 3/8"
    assert logs.asked == [("a", "c", False)]


def test_what_never_ran_has_no_log_and_is_not_asked() -> None:
    logs = Logs({})
    items = late("a", reason="ImagePullBackOff")
    items += (
        NotReady(object="D/y", ready=0, desired=1, why=(Why(object="ReplicaSet/y", reason="Error", sentence=""),)),
    )
    assert with_last_logs(logs, items) == items
    assert logs.asked == []


def test_a_log_that_cannot_be_read_stays_empty() -> None:
    logs = Logs({("b", True): ["FATAL"]}, broken=("a",))
    found = with_last_logs(logs, late("a", "b"))
    assert [why.last_log for why in found[0].why] == ["", "FATAL"]


def test_the_number_of_requests_is_bounded_and_ended_containers_come_first() -> None:
    logs = Logs({("crashed", True): ["FATAL"]})
    many = late(*(f"pod-{number}" for number in range(50)), reason="Starting")
    found = with_last_logs(logs, (*many, *late("crashed")))
    assert len(logs.asked) == REQUESTS
    assert line(found[1:]) == "FATAL"


def test_a_long_line_is_cut() -> None:
    logs = Logs({("a", True): ["x" * 5000]})
    assert len(line(with_last_logs(logs, late("a")))) == LONGEST

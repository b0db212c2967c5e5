"""Pacing against a line that is calculated, not waited for."""

from __future__ import annotations

import pytest

from sensei_tui.terminal.pace import AnswerPace, Pace, SpeedPace, Unpaced


def backlog(pace: Pace, rate: float, delay: float, seconds: float = 20) -> list[float]:
    """Send without end over a line of `rate` bytes a second and `delay` seconds each way.

    Returns for each chunk how long it lay before the line, in seconds.
    """
    now, free, waits = 0.0, 0.0, []
    answers: list[float] = []
    while now < seconds:
        for at in [one for one in answers if one <= now]:
            answers.remove(at)
            pace.answered(at)
        if size := min(pace.room(now), 1 << 16):
            query = pace.sent(size, now)
            waits.append(max(0.0, free - now))
            free = max(free, now) + (size + len(query)) / rate
            if query:
                answers.append(free + 2 * delay)
            continue
        now += 0.002
    return waits


def test_a_known_speed_never_queues_more_than_a_chunk() -> None:
    assert max(backlog(SpeedPace(9600), 960, 0)) < 0.03


def test_a_known_speed_uses_the_line() -> None:
    pace, sent = SpeedPace(9600), 0
    for tick in range(5000):
        if size := pace.room(tick / 1000):
            pace.sent(size, tick / 1000)
            sent += size
    assert sent / 5 == pytest.approx(960, rel=0.06)


@pytest.mark.parametrize("rate", [240, 960, 11520])
@pytest.mark.parametrize("delay", [0.0, 0.15])
def test_answers_find_the_speed(rate: float, delay: float) -> None:
    waits = backlog(AnswerPace(), rate, delay)
    settled = waits[len(waits) // 3 :]
    # Two of the smallest chunks are 0.4 s of a line of 2400 bits a second.
    assert max(settled) < (0.45 if rate < 500 else 0.36)


@pytest.mark.parametrize(("rate", "delay"), [(960, 0.0), (960, 0.15), (11520, 0.02)])
def test_answers_fill_the_line(rate: float, delay: float) -> None:
    pace, now, free, sent, answers = AnswerPace(), 0.0, 0.0, 0, list[float]()
    while now < 20:
        while answers and answers[0] <= now:
            pace.answered(answers.pop(0))
        if size := pace.room(now):
            query = pace.sent(size, now)
            free = max(free, now) + (size + len(query)) / rate
            answers.append(free + 2 * delay)
            sent += size
            continue
        now += 0.002
    assert sent / 20 > 0.7 * rate


def test_a_terminal_that_does_not_answer_is_not_asked_for_ever() -> None:
    pace = AnswerPace()
    now, queries = 0.0, 0
    while now < 30:
        if pace.room(now) and not pace.lost:
            queries += bool(pace.sent(40, now))
        now += 0.1
    assert pace.lost
    assert queries < 10
    assert pace.sent(40, now) == ""
    assert pace.room(now) > 100_000


@pytest.mark.parametrize("held", [1.0, 2.9, 3.0, 3.2, 4.0])
def test_answers_that_were_held_for_a_while_are_got_over(held: float) -> None:
    """A link that stood still: answers counted to the wrong queries must not slow the line for ever."""
    pace, now, answers, sent = AnswerPace(), 0.0, list[float](), dict[int, int]()
    while now < 60:
        while answers and answers[0] <= now and not 10 <= now < 10 + held:
            answers.pop(0)
            pace.answered(now)
        if size := min(pace.room(now), 4000):
            pace.sent(size, now)
            answers.append(now + 0.3)
            sent[int(now)] = sent.get(int(now), 0) + size
            continue
        now += 0.005
    assert sent[59] > 5000


def test_unpaced_is_without_bound() -> None:
    assert Unpaced().room(0) > 100_000

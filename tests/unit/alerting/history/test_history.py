from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.alerting.history.history import LATE_LOOKS, History, enter
from railwatch.services.alerting.rule.judgement import Judgement, Observation, Rule, State
from railwatch.services.alerting.rule.series import judge_series
from railwatch.shared.sites import load_sites
from tests.support.alerting import on_day, write_site

RULE = Rule()
FORGETFUL = Rule(window_looks=20)
COUNTS = [6 + (look * 7) % 5 for look in range(16)] + [30, 70, 66, 9, 8, 7, 8, 9, 7, 6]
STORY = [(3.0 * look, count) for look, count in enumerate(COUNTS)]


def observation(day: float, count: float | None, *, scene: str | None = None, coverage: float = 1.0) -> Observation:
    low, high = (None, None) if count is None else (max(0.0, count - 2), count + 2)
    return Observation(
        scene=scene or f"scene-{day:g}", observed_at=on_day(day), count=count, low=low, high=high, coverage=coverage
    )


def judgements(history: History) -> list[Judgement]:
    """What was decided of each look, whether it came late or not."""
    return [look.model_copy(update={"archival": False}) for look in history.judgements]


def history_of(*seen: Observation, starts: Sequence[datetime] = (), rule: Rule = RULE) -> History:
    history = History()
    for one in seen:
        history = enter(history, one, rule, starts)
    return history


def scenes(history: History) -> list[str]:
    return [look.scene for look in history.judgements]


@settings(max_examples=8, deadline=None)
@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=4))
def test_any_order_of_arrival_gives_the_same_decisions(
    shuffled: list[tuple[float, int]], repeated: list[tuple[float, int]]
) -> None:
    in_order = history_of(*(observation(*look) for look in STORY))
    otherwise = history_of(*(observation(*look) for look in [*shuffled, *repeated]))
    assert judgements(otherwise) == judgements(in_order)
    assert State.ALERT in {judgement.state for judgement in judgements(in_order)}


def test_a_correction_changes_what_follows_as_if_it_had_been_so_all_along() -> None:
    looks = [observation(*look) for look in STORY]
    corrected = observation(6, 15, scene="scene-6")
    as_if = [corrected if look.scene == "scene-6" else look for look in looks]
    assert judgements(history_of(*looks, corrected)) == judgements(history_of(*as_if))


def test_a_late_look_is_archival_and_a_correction_is_not() -> None:
    history = history_of(observation(1, 5), observation(3, 5), observation(2, 5), observation(3, 6, scene="scene-3"))
    assert [(look.scene, look.archival) for look in history.judgements] == [
        ("scene-1", False),
        ("scene-2", True),
        ("scene-3", False),
    ]


def test_of_two_scenes_of_one_instant_the_one_that_shows_more_holds_in_any_order() -> None:
    half, whole = observation(1, 4, scene="half", coverage=0.5), observation(1, 7, scene="whole")
    for seen in ((half, whole), (whole, half)):
        assert scenes(history_of(*seen)) == ["whole"]
    withdrawn = observation(1, None, scene="whole", coverage=0.0)
    assert scenes(history_of(half, whole, withdrawn)) == ["half"]


def test_of_two_deliveries_of_one_instant_the_last_counted_holds_in_any_order() -> None:
    def delivered(scene: str, count: float | None, coverage: float, day: int) -> Observation:
        seen = observation(1, count, scene=scene, coverage=coverage)
        return seen.model_copy(update={"counted_at": on_day(day)})

    old, new = delivered("a", 7, 0.99, 2), delivered("b", 8, 0.95, 3)
    cut_off, cloudy = delivered("c", 2, 0.5, 4), delivered("d", None, 0.0, 5)
    for seen in permutations([old, new, cut_off, cloudy]):
        history = history_of(*seen)
        assert scenes(history) == ["b"]
        assert [left_out.scene for left_out in history.shadowed] == ["a", "c", "d"]
    again = delivered("a", 9, 0.99, 6)
    assert [look.count for look in history_of(old, new, again).judgements] == [9]


def test_a_scene_whose_date_is_corrected_moves() -> None:
    looks = [observation(day, 5) for day in (1, 2, 3)]
    assert scenes(history_of(*looks, observation(2.5, 5, scene="scene-1"))) == ["scene-2", "scene-1", "scene-3"]


def test_memory_is_bounded_and_what_is_forgotten_cannot_be_changed() -> None:
    looks = [observation(day, 6 + day % 5) for day in range(240)]
    history = history_of(*looks, rule=FORGETFUL)
    assert history.horizon is not None
    assert len(history.judgements) < 200
    too_late = observation(0.5, 70)
    assert enter(history, too_late, FORGETFUL) == history
    redated = looks[-1].model_copy(update={"observed_at": too_late.observed_at})
    assert enter(history, redated, FORGETFUL) == history
    late = observation(239.5 - LATE_LOOKS / 2, 7)
    assert late.scene in scenes(enter(history, late, FORGETFUL))


def test_forgetting_changes_no_decision() -> None:
    looks = [observation(day, 6 + (day * 7) % 5) for day in range(220)]
    history = history_of(*looks, rule=FORGETFUL)
    assert len(history.judgements) < len(looks)
    assert judgements(history)[-1].p_value == judge_series(looks, FORGETFUL)[-1].p_value


def test_a_new_normal_is_learned_from_the_looks_since() -> None:
    surge = [observation(48 + 3 * look, 70) for look in range(12)]
    looks = [*(observation(*look) for look in STORY[:16]), *surge]
    assert judgements(history_of(*looks))[-1].state is State.ALERT
    start = on_day(50)
    anew = history_of(*looks, starts=[start])
    assert next(j.state for j in judgements(anew) if j.observed_at >= start) is State.LEARNING
    assert judgements(anew)[-1].state is State.NORMAL
    decided_later = enter(history_of(*looks[:-1]), looks[-1], RULE, [start])
    assert judgements(decided_later) == judgements(anew)
    taken_back = enter(decided_later, looks[-1], RULE, [])
    assert judgements(taken_back) == judgements(history_of(*looks))


def test_a_long_surge_keeps_its_alert() -> None:
    looks = [*(observation(*look) for look in STORY[:16]), *(observation(48 + 2 * look, 70) for look in range(180))]
    history = history_of(*looks)
    assert judgements(history)[-1].state is State.ALERT
    assert judgements(history)[-1].opened_at == on_day(48)
    assert judgements(history)[-1].observed_at - on_day(48) > timedelta(days=350)


def test_an_operator_lets_a_history_begin_anew_in_the_site_file(tmp_path: Path) -> None:
    directory = write_site(tmp_path / "sites")
    with (directory / "tumangang.yaml").open("a") as file:
        file.write("new_normal:\n  - {at: 2023-04-20, by: Ada, reason: a second yard was opened}\n")
    (start,) = load_sites(directory).sites["tumangang"].new_normal
    assert (start.at, start.by) == (datetime(2023, 4, 20, tzinfo=UTC), "Ada")

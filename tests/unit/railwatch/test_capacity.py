"""What a load needs, and what breaks first."""

import pytest
from typer.testing import CliRunner

from railwatch.capacity import Costs, Plan, installations
from railwatch.cli import app
from railwatch.shared.sites.folder import KEPT_BETWEEN

COSTS = Costs()


def test_a_thousand_sites_fit_into_the_smallest_installation() -> None:
    plan = Plan.of(1_000, 3, 1, COSTS)

    assert plan.tiles_a_day == 3_000
    assert (plan.detector_pods, plan.partitions) == (1, 12)
    assert plan.fits
    assert installations(1_000, 3, 1, COSTS) == 1


def test_work_grows_with_looks_and_pods_with_the_peak() -> None:
    plan = Plan.of(500_000, 1, 1, COSTS)

    assert plan.detector_cores == pytest.approx(500_000 * COSTS.count_s / 86_400)
    assert plan.detector_cores * COSTS.peak <= plan.detector_pods < plan.detector_cores * COSTS.peak + 1
    assert plan.partitions >= 2 * plan.detector_pods
    assert plan.kafka_bytes_a_year > 3 * 500_000 * 365 * COSTS.tile_kafka_bytes


@pytest.mark.parametrize(("sites", "looks"), [(100_000, 1.0), (500_000, 1.0), (10_000_000, 0.05)])
def test_sites_are_divided_until_each_part_fits_and_not_further(sites: int, looks: float) -> None:
    number = installations(sites, looks, 1, COSTS)

    assert number > 1
    assert Plan.of(-(-sites // number), looks, 1, COSTS).fits
    assert not Plan.of(-(-sites // (number - 1)), looks, 1, COSTS).fits


def test_what_breaks_first_comes_first_and_has_a_remedy() -> None:
    limits = Plan.of(100_000, 1, 1, COSTS).limits

    assert [limit.share for limit in limits] == sorted((limit.share for limit in limits), reverse=True)
    assert all(limit.remedy for limit in limits)


def test_a_first_start_may_be_cut_short_once_it_has_kept_what_it_read() -> None:
    def used(sites: int) -> float:
        (limit,) = (each for each in Plan.of(sites, 1, 1, COSTS).limits if each.name.startswith("first start"))
        return limit.share

    assert used(1_000) == pytest.approx(1_000 * COSTS.site_read_s / COSTS.start_within_s)
    assert used(10 * KEPT_BETWEEN) == used(KEPT_BETWEEN) < 1


def test_steps_of_alerts_fill_redis_as_well_as_kafka() -> None:
    without = COSTS.model_copy(update={"steps_a_site_and_year": 0})
    more, less = (Plan.of(1_000, 1, 1, costs) for costs in (COSTS, without))

    assert more.redis_bytes - less.redis_bytes == pytest.approx(12_000 * COSTS.step_redis_bytes)
    assert more.kafka_bytes_a_year - less.kafka_bytes_a_year == pytest.approx(3 * 12_000 * COSTS.step_kafka_bytes)


def test_what_is_assumed_is_said() -> None:
    said = CliRunner().invoke(app, ["capacity", "--sites", "10", "--looks-per-day", "1"]).output

    assert "Assumed, not measured: steps_a_site_and_year 12, peak 5," in said


def test_own_costs_replace_the_measured_ones(tmp_path_factory: pytest.TempPathFactory) -> None:
    costs = tmp_path_factory.mktemp("costs") / "costs.json"
    costs.write_text('{"count_s": 16.7}')
    command = ["capacity", "--sites", "100000", "--looks-per-day", "1"]

    ours, own = (CliRunner().invoke(app, [*command, *more]) for more in ([], ["--costs", str(costs)]))

    assert "1.93 cores" in ours.output
    assert f"{100_000 * COSTS.site_start_s:,.1f} s" in ours.output
    assert "19.33 cores" in own.output


def test_costs_that_are_none_are_refused_by_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    costs = tmp_path_factory.mktemp("costs") / "costs.json"
    costs.write_text('{"count_seconds": 1, "judge_s": -1}')

    refused = CliRunner().invoke(app, ["capacity", "--sites", "1", "--looks-per-day", "1", "--costs", str(costs)])

    assert refused.exit_code == 1
    assert "count_seconds" in str(refused.exception)
    assert "judge_s" in str(refused.exception)

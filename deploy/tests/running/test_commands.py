"""The commands of docs/operate.md and the runbooks, as an operator of production types them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
import pytest

from deploy.tests.commands import TYPED, Snippet
from deploy.tests.running.production import SCENES, Production, bury, started
from deploy.tests.running.secured import Secured
from deploy.tests.running.stack import is_ready
from railwatch.demo.episode import trains
from railwatch.demo.replay import as_geotiff
from railwatch.demo.yard import SITE, write_site
from railwatch.shared.access import Scope, new_entry
from railwatch.shared.bus.read import read_partitions
from railwatch.shared.events import CountEvent
from railwatch.shared.process import SERVICES
from railwatch.shared.state import connect
from tests.support.bus import eventually
from tests.support.stac_api import StacApi
from tests.support.stac_api import running as running_api

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def production(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The three services with some looks at the site, and dead letters."""
    directory = tmp_path_factory.mktemp("production")
    write_site(directory / "sites")
    token, entry = new_entry("desk", Scope, ())
    (directory / "tokens.yaml").write_text(entry)
    with running_api(StacApi()) as api:
        production = Production(
            secured, directory, {"RAILWATCH_STAC_URL": api.url, "RAILWATCH_ALERTING_SCENE_WAIT_S": "5"}
        )
        with ExitStack() as stack:
            urls = {service: stack.enter_context(started(production, service)) for service in SERVICES}
            eventually(lambda: all(map(is_ready, urls.values())), "all services are ready")
            cars = trains()
            for look in SCENES:
                httpx.post(
                    f"{urls['ingest']}/v1/scenes",
                    headers={"Authorization": f"Bearer {token}"},
                    files={"file": (f"{look.scene}.tif", as_geotiff(look, cars[look.scene]))},
                    data={"metadata": json.dumps({"observed_at": look.at.isoformat(), "scene": look.scene})},
                    timeout=120,
                ).raise_for_status()
            url = f"{urls['alerting']}/v1/sites/{SITE}/observations"
            eventually(lambda: len(httpx.get(url, timeout=30).json()["items"]) == len(SCENES), "all looks are judged")
            bury(secured)
            yield production


def _is_about_groups(snippet: Snippet) -> bool:
    return "--reset-offsets" in snippet.text


def _is_about_all_state(snippet: Snippet) -> bool:
    return "unlink" in snippet.text


def _is_of_the_cluster(snippet: Snippet) -> bool:
    """Whether only a cluster could run it; deploy/tests/static/test_commands.py checks it."""
    first = snippet.steps()[0]
    return first[0] == "deploy/kubernetes/rebuild" or (first[0] == "kubectl" and "exec" not in first)


# What these list is amiss.
SILENT_IF_WELL = ("--unavailable-partitions", "--under-replicated-partitions", "hget")
# The looks of the span that the page counts again.
RECOUNTED = [look for look in SCENES if datetime(2023, 9, 1, tzinfo=UTC) <= look.at < datetime(2023, 11, 1, tzinfo=UTC)]
RUN = [snippet for snippet in TYPED if snippet.steps()[0][0] != "export" and not _is_of_the_cluster(snippet)]
BESIDE = [snippet for snippet in RUN if not _is_about_groups(snippet) and not _is_about_all_state(snippet)]


@pytest.mark.parametrize("snippet", BESIDE, ids=str)
def test_a_command_does_its_work_with_the_users_and_listeners_of_production(
    production: Production, snippet: Snippet
) -> None:
    ended = production.run(snippet)
    said = ended.stdout + ended.stderr
    if any(asked in snippet.text for asked in SILENT_IF_WELL):
        assert said.strip() == ""
        return
    expected = {
        "dead-letters list": "unknown-site",
        "dead-letters show": "reason",
        "retry --reason": "sent to railwatch.tiles.v1 again",
        "drop --reason": "dropped",
        "baseline list": "current: ",
        "baseline show": "PNG",
        "baseline rebuild": "composite of",
        "baseline set": "by night-shift: because",
        "baseline forget": "none; by ",
        "--dry-run": f"0 of {len(RECOUNTED)} tiles would change",
        "recount --site": f"{len(RECOUNTED)} tiles of {SITE} are published again",
        "config check": "No fault",
        "--describe --group": "railwatch.tiles.v1",
        "--describe --members": "railwatch-detector",
        "--describe --topic": "PartitionCount",
        "log-dirs": '"partition":"railwatch.tiles.v1-0"',
        "capacity": "Redis",
        "--bigkeys": "Sampled",
        "info keyspace": "db0:keys=",
        "info memory": "mem_fragmentation_ratio",
        "memory purge": "OK",
        "promtool check": "SUCCESS",
        "ping": "PONG",
        "config set": "OK",
        "backfill": SITE,
        "site check": SITE,
    }
    words = next(words for asked, words in expected.items() if asked in snippet.text)
    assert words in said


@pytest.mark.parametrize("snippet", [snippet for snippet in RUN if _is_about_groups(snippet)], ids=str)
def test_a_group_is_set_back_and_its_looks_are_counted_again(production: Production, snippet: Snippet) -> None:
    production.services["detector"].close()
    assert "NEW-OFFSET" in production.run(snippet).stdout
    operator = production.secured.kafka_settings("kafka-operator")

    def counts() -> int:
        return sum(1 for _, part in read_partitions(operator, CountEvent) for _ in part)

    before = counts()
    with started(production, "detector"):
        eventually(lambda: counts() >= before + len(SCENES), "all looks are counted again")


@pytest.mark.parametrize("snippet", [snippet for snippet in RUN if _is_about_all_state(snippet)], ids=str)
def test_state_is_emptied_as_far_as_the_page_says(production: Production, snippet: Snippet) -> None:
    for service in SERVICES:
        production.services[service].close()
    pattern = snippet.steps()[0][-1]
    with connect(production.secured.redis_settings("railwatch-operator")) as client:
        client.set(pattern.replace("*", "something"), "1")
        production.run(snippet)
        assert [*client.scan_iter(pattern)] == []


@pytest.mark.parametrize("snippet", [snippet for snippet in RUN if "hget" in snippet.text], ids=str)
def test_why_the_state_was_lost_is_told(production: Production, snippet: Snippet) -> None:
    for service in SERVICES:
        production.services[service].close()
    *_, key, field = snippet.steps()[0]
    with connect(production.secured.redis_settings("railwatch-operator")) as client:
        client.hset(key, field, "an earlier copy")
        assert "an earlier copy" in production.run(snippet).stdout
        client.hdel(key, field)

"""The detector's work on quixstreams, for `tests.benchmarks.load`: tiles in, pictures to the store, counts out.

Usage: uv run --with quixstreams python -m tests.benchmarks.load_quix BOOTSTRAP LOOKS

It does what our detector does for a tile that it has not seen, with the same function in the same process: it has no
claims, no attempts, no baselines of its own, no limits on memory and time, and no dead letters. LOOKS is a file of
`Look`s by the id of their event. Prints the processor time of a tile, from the first one on, in seconds.
"""

import pickle
import sys
import time
from pathlib import Path
from typing import Any

from quixstreams import Application

from railwatch.services.detector.answering import Answering
from railwatch.services.detector.imagery.geotiff import MAX_PIXELS
from railwatch.services.detector.work import Look
from railwatch.shared.blobs import BlobStore
from railwatch.shared.environment import load
from railwatch.shared.events import CountEvent, TileEvent
from railwatch.shared.settings import BlobSettings, ServiceSettings

GROUP = "quixstreams"


class Settings(ServiceSettings):
    """Where the pictures are."""

    blobs: BlobSettings


def main() -> None:
    """Count every tile that there is a look for."""
    bootstrap, file = sys.argv[1:]
    looks: dict[str, Look] = pickle.loads(Path(file).read_bytes())  # noqa: S301 - our own
    blobs = BlobStore.open(load(Settings).blobs)
    answering = Answering(blobs.get, MAX_PIXELS)
    answering.count(next(iter(looks.values())))  # the first one loads the models
    used_s: list[float] = []

    def count(value: Any) -> dict[str, Any]:
        used_s.append(time.process_time())
        event = TileEvent.model_validate(value)
        answer = answering.count(looks[event.id])
        pictures = {name: blobs.put(data, answer.media_type) for name, data in answer.pictures.items()}
        return {
            "tile": event.id,
            "result": answer.count.model_dump(mode="json"),
            "pictures": {name: ref.model_dump(mode="json") for name, ref in pictures.items()},
        }

    app = Application(bootstrap, consumer_group=GROUP, auto_offset_reset="earliest", commit_every=1, loglevel="WARNING")
    tiles = app.dataframe(app.topic(TileEvent.TOPIC, value_deserializer="json"))
    tiles = tiles[tiles.apply(lambda value: TileEvent.model_validate(value).id in looks)]
    tiles.apply(count).to_topic(app.topic(f"{CountEvent.TOPIC}.{GROUP}", value_serializer="json"))
    app.run(count=len(looks), timeout=60, collect=False)
    if len(used_s) < len(looks):
        raise SystemExit(f"{len(used_s)} of {len(looks)} tiles came")
    print((time.process_time() - used_s[0]) / len(looks))


if __name__ == "__main__":
    main()

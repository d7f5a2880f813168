"""Ask an Overpass API for the railway lines of a place (https://wiki.openstreetmap.org/wiki/Overpass_API)."""

import tempfile
from pathlib import Path

import httpx
from shapely import Polygon

from railwatch.shared.errors import ConfigurationError, TransientError
from railwatch.shared.sites import TrackLines, read_tracks
from railwatch.shared.sites.document import MAX_BYTES

# Seconds that the API may work on the question, and that we wait for its answer.
QUERY_S, WAIT_S = 60, 90.0


def ask_overpass(url: str, ground: Polygon) -> TrackLines:
    """The railway lines that touch a place.

    Args:
        url: the API's interpreter, such as `https://host/api/interpreter`.
        ground: the place, longitude and latitude. Its bounding box is asked for.

    Raises:
        TransientError: the API does not answer, or refuses.
        ConfigurationError: the address is none, or there is no track in its answer.
    """
    west, south, east, north = ground.bounds
    query = f'[out:json][timeout:{QUERY_S}];way["railway"]({south:.6f},{west:.6f},{north:.6f},{east:.6f});out geom;'
    with tempfile.TemporaryDirectory(prefix="railwatch-") as directory:
        answer = Path(directory) / "overpass.json"
        try:
            with httpx.stream("POST", url, data={"data": query}, timeout=WAIT_S) as response, answer.open("wb") as file:
                response.raise_for_status()
                for chunk in response.iter_bytes():
                    file.write(chunk)
                    if file.tell() > MAX_BYTES:
                        raise TransientError(
                            f"The answer of {url} is longer than {MAX_BYTES} bytes; ask for less ground."
                        )
        except httpx.HTTPStatusError as error:
            raise TransientError(f"{url} answers {error.response.status_code}; try again later.") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ConfigurationError(
                f"{url} is not an address of an Overpass API, which begins with https://."
            ) from error
        except httpx.HTTPError as error:
            raise TransientError(f"{url} cannot be reached: {error}; give a file with --osm.") from error
        return read_tracks(answer)

"""Whether a picture can be counted at all, judged from the picture alone."""

import numpy as np

from railwatch.services.detector.imagery.quantiles import quantile
from railwatch.services.detector.imagery.raster import Raster, luminance
from railwatch.shared.errors import TileRejectedError

# Couplings leave gaps of about 1.2 m between bodies. Coarser pixels do not show them.
MAX_GSD_M = 1.3
# A track with its train is 4 to 5 m wide. Coarser pixels show no single track.
MAX_MEASURED_GSD_M = 4.0
# One digital number of 8 bits. A picture with less contrast shows nothing.
MIN_CONTRAST = 1 / 255
# Limits of the point image (standard deviation). A wider one closes the gaps, in metres, and is wider than any sensor's
# own, in pixels.
MAX_BLUR_M = 1.6
MAX_BLUR_PX = 2.5
# Share of full scale at which a pixel is saturated. A saturated area shows no contrast. Sunlit snow may be saturated,
# and cars still stand out from it.
FULL_SCALE = 0.998
# A picture is judged from about this many pixels, in evenly spaced rows.
ENOUGH_PX = 250_000
# Shares of saturated pixels from which on a tile gets a remark, and is rejected.
SATURATED_SHARE = 0.3
WHITED_OUT_SHARE = 0.95


def check_quality(tile: Raster, max_gsd_m: float = MAX_GSD_M) -> tuple[str, ...]:
    """Remarks on a tile that can be counted, or measured if the limit of its pixels is that of measuring.

    Raises:
        TileRejectedError: `no-data`, `constant-image`, `gsd-too-coarse`, `saturated` or `blurred`.
    """
    if tile.gsd_m > max_gsd_m:
        raise TileRejectedError("gsd-too-coarse")
    if tile.valid.mean() < 0.01:
        raise TileRejectedError("no-data")
    step = _step(tile.shape)
    values = luminance(tile.pixels[:, ::step])[tile.valid[::step]]
    dark, bright = quantile(values, [0.005, 0.995])
    if bright - dark < MIN_CONTRAST:
        raise TileRejectedError("constant-image")
    saturated = float((values >= FULL_SCALE).mean())
    if saturated > WHITED_OUT_SHARE:
        raise TileRejectedError("saturated")
    blur_px = blur(tile)
    if blur_px > MAX_BLUR_PX and blur_px * tile.gsd_m > MAX_BLUR_M:
        raise TileRejectedError("blurred")
    return ("saturated",) if saturated > SATURATED_SHARE else ()


def blur(picture: Raster) -> float:
    """Standard deviation, in pixels, of the Gaussian point image that explains a picture's steepest edges.

    A step blurred by it has a slope of its height over sqrt(2 pi) standard deviations. The steepest edges of a yard
    (shadows, rails, roofs) are nearly as high as its contrast. Most rendered yards are sharp to 0.8 px. On these the
    result is 0.7 to 1.7, and 3.5 to 7 after a further blur of 5 px.
    """
    step, valid = _step(picture.shape), picture.valid
    rows, above, below = np.s_[1:-1:step], np.s_[:-2:step], np.s_[2::step]
    here, up, down = (luminance(picture.pixels[:, part]) for part in (rows, above, below))
    inside = valid[rows, 1:-1] & valid[above, 1:-1] & valid[below, 1:-1] & valid[rows, :-2] & valid[rows, 2:]
    if not inside.any():
        return 0.0
    slope = np.hypot(here[:, 2:] - here[:, :-2], down[:, 1:-1] - up[:, 1:-1])[inside] / 2
    dark, bright = quantile(here[valid[rows]], [0.001, 0.999])
    return float((bright - dark) / max(np.sqrt(2 * np.pi) * quantile(slope, 0.9995), 1e-12))


def _step(shape: tuple[int, ...]) -> int:
    return max(1, round(shape[0] * shape[1] / ENOUGH_PX))

"""Freight cars and locomotives with their real dimensions, and the fleets that they form.

Sources, lengths over couplers (or buffers) in metres:
- Russian gauge: gondola 12-132 13.92, box car 11-280 16.97 and 11-217 14.73, tank 15-1443 12.02, cement hopper 19-758
  12.02, grain hopper 19-752 14.72, flat 13-401 14.62, container flats 13-470 19.62 and 13-9751 14.62 to 25.6
  (album "Gruzovye vagony kolei 1520 mm", VNIIZhT); locomotive M62 17.55 (one section), TEM2 16.97.
- China and DPRK: gondolas C64 13.44 and C70 13.98, coal C80 12.0, box cars P64 16.44, tank GQ70 12.2, flat NX70 16.37
  (CNR product sheets); DF4 20.5.
- UIC wagon classes (UIC leaflet 571, operators' data sheets): Eaos 14.04, Gbs 14.02, Hbbins 15.5, Habbins 23.2,
  Falns 12.5, Tads 13 to 19, Uacs 12 to 16, Zas 12 to 18, Res 19.9, Sgns 19.74, Sggrss 26.7, Shimmns 12.04,
  Rils 19.9, Lgs 17.1.
- AAR plates: covered hopper 16 to 18, tank 13 to 18, box car 16.7 to 18.5.

A body is shorter than its length over couplers by the draught gear: two SA-3 or AAR ends of 0.5 to 0.7 m, or two
buffers of 0.62 m. Widths 2.6 to 3.25 m (loading gauges UIC G1 to GOST 1-T), heights above the rail's foot.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Shape(StrEnum):
    """Shapes of cars, as seen from above."""

    BOX = "boxcar"
    GONDOLA = "gondola"
    TANK = "tank"
    HOPPER = "hopper"
    COVERED_HOPPER = "covered-hopper"
    FLAT = "flat"
    CONTAINER = "container-flat"
    TARPED = "tarped"
    LOCOMOTIVE = "locomotive"


@dataclass(frozen=True)
class CarType:
    """A kind of car.

    Attributes:
        name: class or model.
        shape: how it is drawn.
        over_couplers_m: shortest and longest of the kind.
        width_m: of the body.
        height_m: of the roof, the rim or the deck, above the rail's foot.
        coupling_m: least and greatest distance between its body and the next.
    """

    name: str
    shape: Shape
    over_couplers_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    coupling_m: tuple[float, float] = (0.95, 1.35)


_S = Shape
RUSSIAN = (
    CarType("gondola 12-132", _S.GONDOLA, (13.9, 13.95), (3.13, 3.2), (3.4, 3.5)),
    CarType("boxcar 11-280", _S.BOX, (16.9, 17.0), (3.2, 3.28), (4.5, 4.7)),
    CarType("boxcar 11-217", _S.BOX, (14.7, 14.75), (3.1, 3.28), (4.4, 4.7)),
    CarType("tank 15-1443", _S.TANK, (12.0, 12.05), (2.9, 3.05), (4.3, 4.6)),
    CarType("cement hopper 19-758", _S.COVERED_HOPPER, (12.0, 12.1), (3.1, 3.2), (4.3, 4.6)),
    CarType("grain hopper 19-752", _S.COVERED_HOPPER, (14.7, 14.75), (3.1, 3.24), (4.5, 4.65)),
    CarType("flat 13-401", _S.FLAT, (14.6, 14.65), (2.75, 2.9), (1.25, 1.4)),
    CarType("container flat 13-470", _S.CONTAINER, (14.6, 19.65), (2.5, 2.9), (1.2, 1.35)),
    CarType("tarped gondola", _S.TARPED, (13.9, 13.95), (3.13, 3.25), (3.5, 4.2)),
)
KOREAN = (
    CarType("gondola C64", _S.GONDOLA, (13.4, 14.0), (3.1, 3.24), (3.0, 3.2)),
    CarType("boxcar P64", _S.BOX, (14.0, 16.45), (3.0, 3.2), (4.0, 4.6)),
    CarType("boxcar, DPRK", _S.BOX, (12.4, 13.9), (2.9, 3.15), (3.8, 4.3)),
    CarType("tank GQ70", _S.TANK, (11.6, 12.3), (2.8, 3.1), (4.0, 4.6)),
    CarType("flat NX70", _S.FLAT, (13.0, 16.4), (2.8, 3.1), (1.2, 1.35)),
    CarType("tarped gondola", _S.TARPED, (13.4, 14.0), (3.1, 3.25), (3.1, 4.0)),
    CarType("tarped flat", _S.TARPED, (13.0, 14.7), (2.8, 3.15), (2.4, 3.6)),
)
EUROPEAN = (
    CarType("Eaos", _S.GONDOLA, (14.0, 15.8), (2.75, 2.95), (3.1, 3.3)),
    CarType("Gbs", _S.BOX, (14.0, 14.1), (2.7, 2.9), (4.0, 4.25)),
    CarType("Hbbins", _S.BOX, (15.4, 16.1), (2.7, 2.9), (4.15, 4.3)),
    CarType("Habbins", _S.BOX, (21.7, 23.3), (2.75, 2.95), (4.2, 4.3)),
    CarType("Falns", _S.HOPPER, (12.0, 15.1), (2.9, 3.15), (3.6, 4.2)),
    CarType("Tads", _S.COVERED_HOPPER, (13.0, 19.1), (2.9, 3.1), (4.1, 4.3)),
    CarType("Uacs", _S.TANK, (12.0, 16.5), (2.8, 3.05), (4.1, 4.3)),
    CarType("Zas", _S.TANK, (12.0, 18.0), (2.6, 3.0), (3.9, 4.25)),
    CarType("Res", _S.FLAT, (17.0, 20.0), (2.6, 2.9), (1.2, 1.35)),
    CarType("Lgs", _S.CONTAINER, (13.8, 17.1), (2.5, 2.75), (1.1, 1.3)),
    CarType("Sgns", _S.CONTAINER, (19.6, 19.8), (2.4, 2.7), (1.1, 1.25)),
    CarType("Sggrss", _S.CONTAINER, (26.3, 26.8), (2.4, 2.7), (1.1, 1.25)),
    CarType("Shimmns", _S.TARPED, (12.0, 12.1), (2.75, 3.0), (3.8, 4.2)),
    CarType("Rils", _S.TARPED, (19.8, 20.0), (2.75, 3.0), (4.0, 4.25)),
)
AMERICAN = (
    CarType("gondola, AAR", _S.GONDOLA, (16.5, 20.5), (2.95, 3.2), (2.4, 3.4), (1.1, 1.6)),
    CarType("coal gondola, AAR", _S.GONDOLA, (15.6, 16.4), (3.05, 3.2), (3.6, 3.9), (1.1, 1.6)),
    CarType("covered hopper, AAR", _S.COVERED_HOPPER, (13.0, 18.5), (3.1, 3.25), (4.5, 4.75), (1.1, 1.6)),
    CarType("tank, AAR", _S.TANK, (13.0, 18.3), (2.8, 3.2), (4.3, 4.7), (1.1, 1.6)),
    CarType("boxcar, AAR", _S.BOX, (16.7, 18.6), (3.1, 3.25), (4.6, 5.1), (1.1, 1.6)),
    CarType("flat, AAR", _S.FLAT, (18.0, 20.0), (2.75, 3.15), (1.1, 1.3), (1.1, 1.6)),
)
LOCOMOTIVES = (
    CarType("M62", _S.LOCOMOTIVE, (17.5, 17.6), (2.9, 3.0), (4.4, 4.6)),
    CarType("TEM2", _S.LOCOMOTIVE, (16.9, 17.0), (2.8, 3.1), (4.3, 4.9)),
    CarType("DF4", _S.LOCOMOTIVE, (19.0, 21.1), (3.0, 3.3), (4.5, 4.75)),
    CarType("Re 4/4", _S.LOCOMOTIVE, (14.9, 18.9), (2.9, 3.0), (3.9, 4.3)),
    CarType("shunter", _S.LOCOMOTIVE, (9.5, 14.0), (2.7, 3.1), (3.6, 4.3)),
)
FLEETS: dict[str, tuple[CarType, ...]] = {
    "russian": RUSSIAN,
    "korean": KOREAN,
    "european": EUROPEAN,
    "american": AMERICAN,
    "mixed": RUSSIAN + KOREAN + EUROPEAN,
}


@dataclass(frozen=True)
class RenderedCar:
    """One car on its track.

    Attributes:
        kind: its class or model.
        shape: how it is drawn.
        track: id of its track.
        x_m: centre, local metres to the east.
        y_m: centre, local metres to the south.
        heading_rad: direction of its long axis, from east towards south.
        along_m: distance of its centre along the true centreline.
        length_m: of the body.
        width_m: of the body.
        height_m: of the roof, rim or deck.
        tarped: whether its load is under a tarp.
        livery: a number; cars of one block train share it.
        seed: decides everything else about its appearance.
    """

    kind: str
    shape: Shape
    track: str
    x_m: float
    y_m: float
    heading_rad: float
    along_m: float
    length_m: float
    width_m: float
    height_m: float
    livery: int
    seed: int

    @property
    def tarped(self) -> bool:
        """Whether its load is under a tarp."""
        return self.shape is Shape.TARPED

    def outline_m(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """The body's corners, (4, 2), local metres."""
        along = np.array([np.cos(self.heading_rad), np.sin(self.heading_rad)]) * self.length_m / 2
        across = np.array([-np.sin(self.heading_rad), np.cos(self.heading_rad)]) * self.width_m / 2
        centre = np.array([self.x_m, self.y_m])
        return np.array(
            [centre + along + across, centre + along - across, centre - along - across, centre - along + across]
        )

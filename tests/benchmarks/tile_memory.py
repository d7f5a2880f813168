"""Memory of a process over one tile, beyond its libraries. `OMP_NUM_THREADS=1 python -m tests.benchmarks.tile_memory`.

Each tile is decoded, counted and drawn in a fresh process, against a baseline that is moved and turned, along 10 km of
lines on no track. What is printed is the peak of resident memory beyond what the libraries and the models took before,
and how much each further pixel costs: what does not grow with the tile falls out of the difference of two tiles.
"""

import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from railwatch.services.detector.cars.evidence import load_models
from tests.benchmarks.speed import Case, whole_tile

KM = 10.0
SIDES = (1024, 2048, 4096)


def peak_bytes() -> int:
    """Of this process's resident memory."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def over(case: Case) -> int:
    """How much of it a tile takes."""
    load_models()
    before = peak_bytes()
    whole_tile(case)
    return peak_bytes() - before


def main() -> None:
    """Prints the table."""
    print("| tile | beyond the libraries | each further pixel |")
    print("| --- | --- | --- |")
    smaller = (0, 0)
    for side in SIDES:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            case = process.submit(Case.on_no_track, side, KM).result()
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            peak = process.submit(over, case).result()
        each = (peak - smaller[1]) / (side**2 - smaller[0])
        print(f"| {side} px | {peak / 1e6:.0f} MB | {f'{each:.0f} bytes' if smaller[0] else ''} |", flush=True)
        smaller = side**2, peak


if __name__ == "__main__":
    main()

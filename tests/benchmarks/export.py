"""What an export of many looks costs: processor time, time on the wall, and the most memory, by format.

The looks are made up, one tile each, so many at each of 100 sites, in a local directory (`TMPDIR=/dev/shm` keeps the
disk out of it). Redis knows none of them, so none has a judgement. Each export is a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from railwatch.embedded import embedded_redis
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.export.forms import FileFormat
from railwatch.services.alerting.export.run import export_stac, export_tables
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.query import Query
from railwatch.services.alerting.state.store import Store
from railwatch.shared.blobs import BlobStore
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.state import connect
from tests.benchmarks.alert_cost import count_of
from tests.support.alerting import small_site
from tests.support.products import PUBLIC_URL, SPAN

SITES = {name: small_site(name) for name in (f"site-{number:03d}" for number in range(100))}
# What is exported: the product, and as what.
EXPORTS = (("looks", "parquet"), ("cars", "parquet"), ("looks", "gpkg"), ("looks", "csv"), ("looks", "stac"))


def archive_looks(folder: Path, looks: int, cars: int) -> None:
    """Put so many looks at each site into the archive."""
    archive = Archive.open(BlobSettings(url=f"file://{folder}"))
    began = time.process_time()
    for site in SITES:
        for look in range(looks):
            archive.put(count_of(site, look, float(cars)))
    took_ms = 1000 * (time.process_time() - began) / (looks * len(SITES))
    print(f"Putting a count of {cars} cars into the archive: {took_ms:.2f} ms of processor time.\n", flush=True)


def export(folder: Path, redis_url: str, product: Product, form: FileFormat) -> None:
    """Export, and print what it cost as JSON."""
    blobs = BlobStore.open(BlobSettings(url=f"file://{folder}"))
    store = Store(connect(RedisSettings(url=redis_url)))
    products = Products(store, SITES, Archive(blobs.objects), SPAN, PUBLIC_URL)
    began, began_cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as to:
        output = Path(to, f"export.{form}")
        if form is FileFormat.STAC:
            rows = export_stac(products, blobs, output, Query(site="site-000"))["looks"]
        else:
            rows = export_tables(products, output, form, [product], Query())[product]
        size = sum(path.stat().st_size for path in (output, *output.rglob("*")) if path.is_file())
    print(
        json.dumps(
            {
                "rows": rows,
                "wall_s": time.perf_counter() - began,
                "cpu_s": time.process_time() - began_cpu,
                "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "size_mb": size / 1e6,
            }
        )
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=1000, help="looks at each of the 100 sites")
    parser.add_argument("--cars", type=int, default=9, help="cars of each look")
    parser.add_argument("--export", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.export:
        folder, redis_url, product, form = options.export
        export(Path(folder), redis_url, Product(product), FileFormat(form))
        return
    with tempfile.TemporaryDirectory() as folder, embedded_redis() as environment:
        archive_looks(Path(folder), options.looks, options.cars)
        print("| export | rows | wall | processor | a row | most memory | size |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for product, form in EXPORTS:
            asked = ["--export", folder, environment["RAILWATCH_REDIS_URL"], product, form]
            command = [sys.executable, "-m", "tests.benchmarks.export", *asked]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            per_row = 1000 * found["cpu_s"] / found["rows"]
            print(
                f"| {product} as {form} | {found['rows']:,} | {found['wall_s']:.0f} s | {found['cpu_s']:.0f} s "
                f"| {per_row:.2f} ms | {found['memory_mb']:.0f} MB | {found['size_mb']:.1f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()

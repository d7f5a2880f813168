"""`railwatch export`: products as files, from the archive and what Redis keeps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.export.forms import FileFormat
from railwatch.services.alerting.export.tables import write_csv, write_geopackage, write_geoparquet
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.products.query import Query, sites_asked_for
from railwatch.services.alerting.products.rows import Row
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.store import Store
from railwatch.shared.blobs import BlobStore
from railwatch.shared.environment import load
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import Site, known_sites
from railwatch.shared.state import connect

_WRITERS: dict[FileFormat, Callable[[Path, Product, Iterable[Row]], int]] = {
    FileFormat.CSV: write_csv,
    FileFormat.PARQUET: write_geoparquet,
    FileFormat.GEOPACKAGE: write_geopackage,
}


def run(output: Path, form: FileFormat, wanted: Sequence[Product], query: Query) -> dict[str, int]:
    """Export with the settings of the environment; returns what was written, and how much of each.

    Args:
        output: a file, or a folder for STAC. It must not be there; an empty folder may.
        form: the format.
        wanted: the products; one for CSV and Parquet, looks alone for STAC.
        query: which rows.

    Raises:
        ConfigurationError: there is no such site, the output is there, or a package is not installed.
        TransientError: Redis or the object store does not answer.
        UnprocessableError: the archive is damaged.
    """
    settings = load(Settings)
    sites = known_sites(settings).sites
    if query.site is not None and query.site not in sites:
        raise ConfigurationError(f"There is no site {query.site} in {settings.sites.dir}.")
    blobs = BlobStore.open(settings.blobs)
    products = Products(
        store=Store(connect(settings.redis)),
        sites=sites,
        archive=Archive(blobs.objects),
        span=settings.alerting.pass_span,
        public_url=settings.alerting.public_url,
    )
    if form is FileFormat.STAC:
        return export_stac(products, blobs, output, query)
    return export_tables(products, output, form, wanted, query)


def export_tables(
    products: Products, output: Path, form: FileFormat, wanted: Sequence[Product], query: Query
) -> dict[str, int]:
    """Write a file, as `run`. It has its name when it is whole, and not before."""
    if output.exists():
        raise ConfigurationError(f"{output} is there already; name a file that is not, or delete it.")
    if not output.parent.is_dir():
        raise ConfigurationError(f"There is no folder {output.parent}; make it first.")
    part = output.with_name(f"{output.stem}.part{output.suffix}")
    part.unlink(missing_ok=True)
    try:
        written = {product.value: _WRITERS[form](part, product, products.rows(product, query)) for product in wanted}
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.rename(output)
    return written


def export_stac(products: Products, blobs: BlobStore, output: Path, query: Query) -> dict[str, int]:
    """Write a catalogue, as `run`. Its `catalog.json` is written last."""
    from railwatch.services.alerting.export.stac import Catalogue

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigurationError(f"{output} is there already; name a folder that is empty, or not there.")
    output.mkdir(parents=True, exist_ok=True)

    def sites() -> Iterator[tuple[Site, Iterable[SiteLook]]]:
        for site in sites_asked_for(products.sites, query):
            yield products.sites[site], products.looks_of(site, query)

    written = Catalogue(output, blobs, products.public_url).write(sites())
    return {
        "looks": written.looks,
        "pictures": written.pictures,
        "pictures that are gone": written.missing_pictures,
    }

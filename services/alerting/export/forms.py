"""What an export is written as."""

from enum import StrEnum


class FileFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    PARQUET = "parquet"
    GEOPACKAGE = "gpkg"
    STAC = "stac"

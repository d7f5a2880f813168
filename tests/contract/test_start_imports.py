"""What a service imports at its start: most of the time that a start takes goes there."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "unneeded"),
    [
        (
            "services.ingest.main, railwatch.siting.page.routes",
            {"onnxruntime", "pystac", "pystac_client", "scipy", "skimage"},
        ),
        ("services.detector.main", {"onnxruntime", "rasterio", "scipy", "skimage"}),
        ("services.alerting.main", {"rasterio", "scipy.linalg", "scipy.optimize", "scipy.special", "skimage"}),
    ],
)
def test_a_service_does_not_import_at_its_start_what_it_may_never_use(modules: str, unneeded: set[str]) -> None:
    asked = f"import sys, railwatch.cli, railwatch.{modules}; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert not unneeded & set(imported.split())

"""Removes from the image what never runs there: 700 MB become less than 500.

The Dockerfile runs it. `slim.py ENVIRONMENT MODULE...` removes tests, headers, duplicate data and symbols from the
libraries. It compiles what the named modules import at start, because the file system is read-only later. `slim.py`
alone removes all programs from the base except Python and a shell.
"""

import importlib
import json
import py_compile
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

# Programs of the base that stay, in addition to Python.
PROGRAMS = {"dash", "env", "sh"}

# Parts of the standard library that are only needed for development.
OF_PYTHON = ("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtledemo", "site-packages/pip")

OF_BASE = (
    "/usr/lib/*-linux-gnu/gconv",
    "/usr/lib/*-linux-gnu/libapt-p*",
    "/usr/lib/*-linux-gnu/perl-base",
    "/usr/lib/apt",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/perl5",
    "/usr/share/python-wheels",
    "/var/cache/*",
    "/var/lib/apt/*",
    "/var/log/*",
)

# Tests, headers, notes for uninstalling, the time of the build, a codec that no GeoTIFF uses, example pictures, what
# ONNX Runtime has for programs in C and for making models.
OF_LIBRARIES = (
    "**/tests",
    "**/include",
    "*.dist-info/RECORD",
    "*.dist-info/uv_cache.json",
    "PIL/_avif.*",
    "pillow.libs/libavif-*",
    "onnxruntime/capi/libonnxruntime.so*",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "skimage/data/*.jpg",
    "skimage/data/*.np?",
    "skimage/data/*.png",
)


def remove(paths: Iterable[Path]) -> None:
    """Delete files and directories."""
    for path in list(paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def compile_imported(modules: Iterable[str]) -> None:
    """Write bytecode for all modules that the named modules import. It stays valid when the files' times change."""
    for name in modules:
        importlib.import_module(name)
    for module in list(sys.modules.values()):
        source = getattr(module, "__file__", None)
        if source and source.endswith(".py") and Path(source).exists():
            py_compile.compile(source, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def share_projection_data(packages: Path) -> None:
    """Let pyproj read rasterio's copy of PROJ's data if both have the same version."""
    pyproj, rasterio = packages / "pyproj/proj_dir/share/proj", packages / "rasterio/proj_data"
    if _proj_version(pyproj) == _proj_version(rasterio):
        shutil.rmtree(pyproj)
        pyproj.symlink_to(rasterio)


def settle_bill_of_materials(path: Path) -> None:
    """Remove what differs from build to build: the time and the random number."""
    bill = json.loads(path.read_text())
    bill.pop("serialNumber", None)
    bill.get("metadata", {}).pop("timestamp", None)
    path.write_text(json.dumps(bill, indent=1))


def _proj_version(data: Path) -> str:
    with closing(sqlite3.connect(data / "proj.db")) as database:
        return str(database.execute("SELECT value FROM metadata WHERE key = 'PROJ.VERSION'").fetchone()[0])


def slim_environment(environment: Path, modules: list[str]) -> None:
    """Keep what runs in the virtual environment, and the bytecode of the modules and their imports."""
    packages = next(environment.glob("lib/python3*/site-packages"))
    remove(packages.rglob("__pycache__"))
    for pattern in OF_LIBRARIES:
        remove(path for path in packages.glob(pattern) if "licenses" not in path.parts)
    share_projection_data(packages)
    settle_bill_of_materials(environment / "sbom.cdx.json")
    libraries = [path for path in packages.rglob("*.so*") if path.is_file() and not path.is_symlink()]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)  # noqa: S603, S607
    compile_imported(modules)


def slim_base() -> None:
    """Keep the parts of the base that Python needs."""
    standard_library = Path(shutil.__file__).parent
    remove(standard_library / part for part in OF_PYTHON)
    for pattern in OF_BASE:
        remove(Path("/").glob(pattern.lstrip("/")))
    for directory in (Path("/usr/bin"), Path("/usr/sbin")):
        remove(p for p in directory.iterdir() if p.name not in PROGRAMS and not p.name.startswith("python3"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        slim_environment(Path(sys.argv[1]), sys.argv[2:])
    else:
        slim_base()

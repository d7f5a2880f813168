"""`deploy/release` in a clone: what it refuses, what it changes and what it leaves. Building is pretended."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = "9.8.7"
# Stands for `make`, which would build for minutes.
MAKE = """#!/bin/sh
echo "$@" >>"$CALLS"
mkdir -p dist build
touch dist/railwatch-9.8.7.tar.gz dist/railwatch-9.8.7-py3-none-any.whl build/sbom.cdx.json
"""
KUBECTL = """#!/bin/sh
echo "image: localhost/railwatch:9.8.7"
"""
# It saves an OCI archive, in which the digest stands.
PODMAN = """#!/bin/sh
[ "$1 $2 $3 $4" = "save --format oci-archive --output" ] || exit 1
echo '{"manifests": [{"digest": "sha256:feed"}]}' >"$HOME/index.json"
tar --create --file "$5" --directory "$HOME" index.json
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this repository as it stands, committed."""
    into = tmp_path / "clone"
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(into), cwd=tmp_path)
    (into / "deploy" / "release").write_bytes((ROOT / "deploy" / "release").read_bytes())
    (into / "deploy" / "release").chmod(0o755)
    changelog = into / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## Unreleased\n", "## Unreleased\n\n- Something new.\n", 1))
    for name, value in {"user.name": "A", "user.email": "a@railwatch.example"}.items():
        git("config", name, value, cwd=into)
    git("add", "--all", cwd=into)
    git("commit", "--quiet", "--message", "As it stands", cwd=into)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in {"make": MAKE, "kubectl": KUBECTL, "podman": PODMAN}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return into


def git(*words: str, cwd: Path) -> str:
    return subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def release(clone: Path, version: str = VERSION, **variables: str) -> subprocess.CompletedProcess[str]:
    tools = clone.parent / "tools"
    given = {"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(clone.parent / "calls"), "HOME": str(clone.parent)}
    command = [str(clone / "deploy" / "release"), version]
    environment = {**os.environ, **given, "CONTAINER": str(tools / "podman"), **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def left(clone: Path) -> set[str]:
    artefacts = clone / "build" / "release" / VERSION
    return {str(path.relative_to(artefacts)) for path in artefacts.rglob("*") if path.is_file()}


def test_a_release_leaves_a_commit_a_tag_and_its_artefacts(clone: Path) -> None:
    done = release(clone, REGISTRY="registry.example/ours")
    assert done.returncode == 0, done.stderr
    assert f"image.tar docker://registry.example/ours:{VERSION}" in done.stdout
    assert git("describe", "--exact-match", cwd=clone) == f"v{VERSION}"
    assert git("log", "-1", "--format=%s", cwd=clone) == f"Release {VERSION}"
    assert git("status", "--porcelain", cwd=clone) == ""
    assert f'\nversion = "{VERSION}"\n' in (clone / "pyproject.toml").read_text()
    assert f'name = "railwatch"\nversion = "{VERSION}"\n' in (clone / "uv.lock").read_text()
    assert re.search(
        rf"^## Unreleased\n\n## {VERSION} - \d{{4}}-\d\d-\d\d\n\n- Something new", _changelog(clone), re.MULTILINE
    )
    assert f"newTag: {VERSION}" in (clone / "deploy/kubernetes/base/kustomization.yaml").read_text()
    assert f"localhost/railwatch:{VERSION}" in (clone / "deploy/compose/compose.yaml").read_text()
    assert left(clone) == {
        "CHANGELOG.md",
        "LICENSE",
        "SHA256SUMS",
        "image.tar",
        "licences.md",
        "manifests/dev.yaml",
        "manifests/production.yaml",
        "manifests/trial.yaml",
        f"railwatch-{VERSION}-py3-none-any.whl",
        f"railwatch-{VERSION}.tar.gz",
        "sbom.cdx.json",
    }
    manifest = (clone / "build/release" / VERSION / "manifests/production.yaml").read_text()
    assert manifest == "image: registry.example/ours@sha256:feed\n"
    assert (clone.parent / "calls").read_text().splitlines() == [
        "--silent dist sbom licences",
        f"--silent image IMAGE=registry.example/ours:{VERSION} CONTAINER={clone.parent / 'tools' / 'podman'}",
    ]


def test_without_podman_it_says_so_and_the_manifests_name_the_tag(clone: Path) -> None:
    done = release(clone, CONTAINER="")
    assert done.returncode == 0, done.stderr
    assert "No image: neither podman nor docker is here." in done.stdout
    assert "image.tar" not in left(clone)
    manifest = (clone / "build/release" / VERSION / "manifests/dev.yaml").read_text()
    assert manifest == f"image: registry.example/railwatch:{VERSION}\n"


def test_a_dry_run_leaves_artefacts_and_nothing_else(clone: Path) -> None:
    before = git("rev-parse", "HEAD", cwd=clone)
    done = release(clone, DRY_RUN="1")
    assert done.returncode == 0, done.stderr
    assert "SHA256SUMS" in left(clone)
    assert git("rev-parse", "HEAD", cwd=clone) == before
    assert git("tag", cwd=clone) == git("tag", cwd=ROOT)
    assert git("status", "--porcelain", cwd=clone) == ""


def test_a_release_that_fails_leaves_the_checkout_as_it_was(clone: Path) -> None:
    before = git("rev-parse", "HEAD", cwd=clone)
    (clone.parent / "tools" / "podman").write_text("#!/bin/sh\nexit 1\n")
    failed = release(clone)
    assert failed.returncode == 1
    assert "it failed, and the checkout is as it was" in failed.stderr
    assert git("rev-parse", "HEAD", cwd=clone) == before
    assert git("tag", cwd=clone) == git("tag", cwd=ROOT)
    assert git("status", "--porcelain", cwd=clone) == ""


def test_what_must_not_be_released_is_refused_in_one_sentence(clone: Path) -> None:
    for version, words in {"1.2": "three numbers with dots", "0.0.1": "0.0.1 is older than "}.items():
        assert words in release(clone, version).stderr
    git("tag", f"v{VERSION}", cwd=clone)
    assert f"there is a tag v{VERSION} already" in release(clone).stderr
    git("tag", "--delete", f"v{VERSION}", cwd=clone)
    (clone / "stray").touch()
    assert "the checkout has changes" in release(clone).stderr
    (clone / "stray").unlink()
    changelog = re.sub(r"(?s)(## Unreleased\n).*?(?=\n## |\Z)", r"\1", _changelog(clone))
    (clone / "CHANGELOG.md").write_text(changelog)
    git("commit", "--quiet", "--all", "--message", "Nothing to tell", cwd=clone)
    assert "says nothing under 'Unreleased'" in release(clone).stderr
    assert git("tag", cwd=clone) == git("tag", cwd=ROOT)


def _changelog(clone: Path) -> str:
    return (clone / "CHANGELOG.md").read_text()

"""`update --security`: only what an advisory speaks of, and which advisories a commit mends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envcatalog.catalog.update.advisories import read_advisories
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Deb, Lock, PlatformLock, Wheel
from support.catalogs import Workplace, definition, git


def osv(
    identity: str, name: str, *events: dict[str, str], ecosystem: str = "PyPI", **more: Any
) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges, **more}
    return {"id": identity, "affected": [affected]}


def lock_of(*, wheel: str = "", deb: str = "", source: str = "openssl") -> Lock:
    wheels = (Wheel(name="some-lib", version=wheel, file="f.whl", size=1, sha256="0"),) if wheel else ()
    path = f"pool/main/o/{source}/libssl3_{deb}_amd64.deb"
    debs = (
        (Deb(name="libssl3", version=deb, architecture="amd64", path=path, size=1, sha256="0"),)
        if deb
        else ()
    )
    platform = PlatformLock(platform="linux/amd64", debs=debs, wheels=wheels)
    return Lock(definition="sha256:0", base=None, bytecode=None, platforms=(platform,), inputs=())


def found(folder: Path, document: object, lock: Lock, suite: str | None = None) -> dict[str, tuple[str, ...]]:
    path = folder / "advisory.json"
    path.write_text(json.dumps(document))
    return read_advisories(path).of(lock, suite)


FIXED = ({"introduced": "0"}, {"fixed": "1.2"})
TWICE = ({"introduced": "1.0"}, {"fixed": "1.2"}, {"introduced": "2.0"}, {"fixed": "2.1"})
LAST = ({"introduced": "0"}, {"last_affected": "1.2"})


@pytest.mark.parametrize(
    ("events", "version", "is_affected"),
    [
        (FIXED, "1.1", True),
        (FIXED, "1.2", False),
        (FIXED, "1.2.0", False),
        (FIXED, "1.10", False),
        (FIXED, "1.2rc1", True),
        (TWICE, "0.9", False),
        (TWICE, "1.1", True),
        (TWICE, "1.5", False),
        (TWICE, "2.0", True),
        (TWICE, "2.1", False),
        (LAST, "1.2", True),
        (LAST, "1.2.0", True),
        (LAST, "1.3", False),
        (({"introduced": "0"},), "99", True),
    ],
)
def test_ranges(tmp_path: Path, events: tuple[dict[str, str], ...], version: str, is_affected: bool) -> None:
    expected = {"some-lib": ("OSV-1",)} if is_affected else {}
    assert found(tmp_path, osv("OSV-1", "Some_Lib", *events), lock_of(wheel=version)) == expected


def test_listed_versions_withdrawn_ones_and_other_ecosystems(tmp_path: Path) -> None:
    lock = lock_of(wheel="1.0")
    listed = osv("OSV-1", "some-lib", versions=["1.0"])
    assert found(tmp_path, {"vulns": [listed, osv("OSV-0", "some-lib", versions=["1.0"])]}, lock) == {
        "some-lib": ("OSV-0", "OSV-1")
    }
    assert found(tmp_path, listed | {"withdrawn": "2026-01-01T00:00:00Z"}, lock) == {}
    assert found(tmp_path, osv("OSV-1", "some-lib", versions=["1.0"], ecosystem="npm"), lock) == {}


@pytest.mark.parametrize(
    ("ecosystem", "deb", "suite", "is_affected"),
    [
        ("Debian:12", "3.0.11-1~deb12u1", "bookworm", True),
        ("Debian:12", "3.0.11-1~deb12u2", "bookworm", False),
        ("Debian:12", "3.0.11-1~deb12u2+b1", "bookworm", False),
        ("Debian:12", "3.0.11-1~deb12u1", "trixie", False),
        ("Debian", "3.0.11-1~deb12u1", "trixie", True),
        ("Debian:12", "3.0.11-1~deb12u1", None, False),
    ],
)
def test_debian_by_source_package_and_release(
    tmp_path: Path, ecosystem: str, deb: str, suite: str | None, is_affected: bool
) -> None:
    events = ({"introduced": "0"}, {"fixed": "3.0.11-1~deb12u2"})
    document = osv("DSA-1", "openssl", *events, ecosystem=ecosystem)
    assert found(tmp_path, document, lock_of(deb=deb), suite) == (
        {"libssl3": ("DSA-1",)} if is_affected else {}
    )
    assert found(tmp_path, document, lock_of(deb=deb, source="other"), suite) == {}


@pytest.mark.parametrize("text", ["{", "7", '{"id": "x", "affected": [{"package": {}}]}', "[" * 5000])
def test_what_is_not_osv_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "advisory.json"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_advisories(tmp_path)
    assert error.value.message == f"`{path}` is not in the OSV format"


def test_only_what_is_affected_becomes_newer(workplace: Workplace, tmp_path: Path) -> None:
    place = workplace
    place.write("first", definition("first", "alpha", "gamma"))
    place.write("second", definition("second", "gamma"))
    (place.index.root / "main/files/alpha-2.0-py3-none-any.whl").unlink()
    place.lock()
    place.commit("Lock")
    place.index.add("alpha", "2.0")
    place.index.add("gamma", "1.1")
    folder = tmp_path / "advisories" / "PyPI"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps(osv("OSV-7", "alpha", {"introduced": "0"}, {"fixed": "1.5"})))
    (folder / "b.json").write_text(json.dumps(osv("OSV-8", "alpha", {"introduced": "0"})))
    done = place.run("update", "--security", "--advisories", str(folder.parent), "--format", "json")
    assert done.code == 0, done.err
    assert [(row["branch"], row["advisories"]) for row in done.json["updates"]] == [
        ("envcat/security-first", ["OSV-7"])
    ]
    assert git(place.root, "log", "-1", "--format=%B", "envcat/security-first") == (
        "Update alpha 1.0 -> 2.0 in first\n\n"
        "first:\n- upgraded python.packages.alpha 1.0 -> 2.0\n\n"
        "OSV-7: alpha\n\n"
        "Envcat-Update: environment first"
    )

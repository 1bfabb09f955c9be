"""Out and in again: an export, imported, is the definition that it was made from, where the format can hold it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition.canonical import definition_values
from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.formats.incoming.importing import read_foreign
from envcatalog.formats.outgoing.exporting import FORMATS
from envcatalog.model.draft import Draft, Wanted
from envcatalog.model.environment import Conda, DebianBase, Environment, ImageBase, Inference, Python
from envcatalog.model.export import Exported
from envcatalog.model.lock import CondaPackage, LockedImage, PlatformLock, Wheel

BOTH = ("linux/amd64", "linux/arm64")
DIGEST = "sha256:" + "b" * 64
CHANNELS = {"ours": "https://conda.example.com/ours", "forge": "https://conda.example.com/forge"}
SHELL_SAFE = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\x7f\xad'\"$`\\!"),
    min_size=1,
    max_size=20,
).filter(lambda text: text == text.strip() and not any("\x7f" <= letter <= "\xa0" for letter in text))
VARIABLES = st.dictionaries(
    st.sampled_from(["A", "Y", "no", "_b", "OMP_NUM_THREADS"]), SHELL_SAFE, max_size=3
)
REQUIREMENTS = st.lists(
    st.sampled_from(["alpha", "beta>=2.2,<3", "gamma[one,two]", "delta[x]==1.0", "eps~=1.4", "zeta!=1.0"]),
    unique=True,
    max_size=4,
)
SPECS = st.lists(
    st.sampled_from(
        [
            "numpy",
            "scipy=1.2",
            "pandas==2.2.1",
            "zlib>=1.2,<2",
            "mkl=2024.0=h1_0",
            "ours::tool=3",
            "cuda-x 1.* py*",
        ]
    ),
    unique=True,
    max_size=5,
)
PYTHON = st.sampled_from(["3.9", "3.10", "3.11", "3.13"])


class NoFiles:
    """Nothing beside the file."""

    def read(self, path: str) -> bytes | None:
        """See `model.draft.Files`."""
        del path
        return None

    def names(self, folder: str) -> tuple[str, ...]:
        """See `model.draft.Files`."""
        del folder
        return ()


@st.composite
def environments(draw: st.DrawFn, *, pip: bool = True) -> Environment:
    """With conda packages, and mostly Python ones."""
    packages = tuple(draw(REQUIREMENTS)) if pip else ()
    specs = tuple(draw(SPECS))
    python = (
        Python(version=draw(PYTHON), packages=packages)
        if packages or not specs or draw(st.booleans())
        else None
    )
    return Environment(
        name="sample",
        base=DebianBase(suite="bookworm"),
        python=python,
        conda=Conda(channels=("forge", "ours"), packages=(*specs, *(("pip",) if packages else ()))),
        variables=tuple(sorted(draw(VARIABLES).items())),
    )


def out_and_in(to: str, environment: Environment, *locks: PlatformLock, **more: Any) -> Draft:
    """Export, and import what was written; nothing may be lost on the way out."""
    given_to = Exported(
        label="sample",
        environment=environment,
        locks=locks,
        channels=CHANNELS,
        unpublished="it is a test",
        **more,
    )
    done = FORMATS[to].write(given_to)
    assert [item.text for item in done.left if item.lost] == []
    wanted = Wanted(
        name=environment.name,
        base=environment.base if isinstance(environment.base, DebianBase) else None,
        platforms=environment.platforms
        if to in ("conda", "conda-explicit", "requirements", "pylock")
        else (),
        channels=CHANNELS,
    )
    file = done.files[0]
    return read_foreign(file.name, file.text.encode(), NoFiles(), wanted)


def same(draft: Draft, environment: Environment) -> None:
    """The draft is that definition, and nothing was lost on the way in."""
    assert [(note.text, note.reason) for note in draft.notes if note.lost] == []
    assert meaning(draft.environment) == meaning(environment)


def meaning(environment: Environment) -> dict[str, Any]:
    """The definition, whatever the spelling of its MatchSpecs: ``a=1`` and ``a 1.*`` ask for the same."""
    values = definition_values(environment)
    if environment.conda is not None:
        read = [read_spec(text) for text in environment.conda.packages]
        assert all(isinstance(spec, MatchSpec) for spec in read)
        values["conda"] = {**values["conda"], "packages": sorted(spec[:4] for spec in read)}
    return values


@settings(max_examples=60, deadline=None)
@given(environments())
def test_conda(environment: Environment) -> None:
    same(out_and_in("conda", environment), environment)


@settings(max_examples=60, deadline=None)
@given(
    environments(),
    st.sampled_from([BOTH[:1], BOTH[1:], BOTH]),
    st.sampled_from([(), (("__cuda", "12.4"), ("__glibc", "2.28")), (("__archspec", "x86_64_v3"),)]),
    st.sampled_from(["strict", "disabled"]),
)
def test_pixi(environment: Environment, platforms: tuple[str, ...], virtual: Any, priority: Any) -> None:
    assert environment.conda is not None
    conda = replace(environment.conda, virtual_packages=virtual, channel_priority=priority)
    environment = replace(environment, platforms=platforms, conda=conda)
    same(out_and_in("pixi", environment), environment)


@settings(max_examples=40, deadline=None)
@given(
    environments(),
    st.dictionaries(st.sampled_from(["task", "no", "3.10"]), SHELL_SAFE, max_size=2),
    SHELL_SAFE,
)
def test_azureml(environment: Environment, tags: dict[str, str], description: str) -> None:
    environment = replace(
        environment,
        base=ImageBase(image=f"registry.example.com/base@{DIGEST}"),
        variables=(),
        inference=Inference(port=5001, liveness="/live", readiness="/", scoring="/score"),
        tags=tuple(sorted(tags.items())),
        description=description,
    )
    base = LockedImage(image="x", digest=DIGEST, manifests=())
    draft = out_and_in("azureml", environment, base=base)
    same(draft, environment)
    assert draft.environment.tags == environment.tags
    assert draft.environment.description == environment.description


PINS = st.dictionaries(
    st.sampled_from(["alpha", "beta", "gamma", "delta-x"]),
    st.tuples(st.sampled_from(["1.0", "2.1.post1", "3!4.0rc1"]), st.sampled_from([BOTH, BOTH[:1], BOTH[1:]])),
    min_size=1,
)


def pinned(pins: dict[str, tuple[str, tuple[str, ...]]]) -> tuple[Environment, tuple[PlatformLock, ...]]:
    """An environment that pins everything, and its lock."""
    machine = {BOTH[0]: "x86_64", BOTH[1]: "aarch64"}
    packages = [
        f"{name}=={version}" + ("" if where == BOTH else f"; platform_machine == '{machine[where[0]]}'")
        for name, (version, where) in pins.items()
    ]
    environment = Environment(
        name="sample",
        base=DebianBase(suite="bookworm"),
        python=Python(version="3.11", packages=tuple(packages)),
        platforms=BOTH,
    )
    locks = tuple(
        PlatformLock(
            platform=platform,
            wheels=tuple(
                Wheel(
                    name=name,
                    version=version,
                    file=f"{name.replace('-', '_')}-{version}-py3-none-any.whl",
                    size=1,
                    sha256=f"{number:064x}",
                )
                for number, (name, (version, where)) in enumerate(sorted(pins.items()))
                if platform in where
            ),
        )
        for platform in BOTH
    )
    return environment, locks


def addresses(locks: tuple[PlatformLock, ...]) -> dict[str, str]:
    """Where the files of a lock are."""
    found = {w.sha256: f"https://index.example.com/{w.file}" for lock in locks for w in lock.wheels}
    packages = [package for lock in locks for package in lock.conda]
    return found | {p.sha256: f"{CHANNELS[p.channel]}/{p.subdir}/{p.file}" for p in packages}


@settings(max_examples=40, deadline=None)
@given(PINS)
def test_requirements(pins: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    environment, locks = pinned(pins)
    same(out_and_in("requirements", environment, *locks), environment)


@settings(max_examples=40, deadline=None)
@given(PINS)
def test_pylock(pins: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    environment, locks = pinned(pins)
    same(out_and_in("pylock", environment, *locks, addresses=addresses(locks)), environment)


NAMES = st.sampled_from(["numpy", "libzlib", "_openmp_mutex", "python"])
CONDA_PINS = st.dictionaries(NAMES, st.sampled_from(["3.11.9", "3.11.0"]), min_size=1)


def conda_pinned(
    pins: dict[str, str], channels: dict[str, str], platforms: tuple[str, ...]
) -> tuple[Environment, tuple[PlatformLock, ...]]:
    """An environment that pins every conda package by its build, and its lock.

    Args:
        channels: of packages; ``forge`` for others.
    """
    used = tuple(sorted({channels.get(name, "forge") for name in pins}))
    prefix = {name: f"{channels.get(name, 'forge')}::" if len(used) > 1 else "" for name in pins}
    environment = Environment(
        name="sample",
        base=DebianBase(suite="bookworm"),
        python=Python(version="3.11") if "python" in pins else None,
        conda=Conda(
            channels=used,
            packages=tuple(f"{prefix[name]}{name}=={version}=h0_0" for name, version in pins.items()),
        ),
        platforms=platforms,
    )
    subdirs = {BOTH[0]: "linux-64", BOTH[1]: "linux-aarch64"}
    locks = tuple(
        PlatformLock(
            platform=platform,
            conda=tuple(
                CondaPackage(
                    name=name,
                    version=version,
                    build="h0_0",
                    channel=channels.get(name, "forge"),
                    subdir=subdirs[platform],
                    file=f"{name}-{version}-h0_0.conda",
                    size=1,
                    sha256=f"{number + 100 * BOTH.index(platform):064x}",
                )
                for number, (name, version) in enumerate(sorted(pins.items()))
            ),
        )
        for platform in platforms
    )
    return environment, locks


@settings(max_examples=40, deadline=None)
@given(CONDA_PINS, st.sampled_from(BOTH))
def test_conda_explicit(pins: dict[str, str], platform: str) -> None:
    """Of one channel: the order of several is not in such a file."""
    environment, locks = conda_pinned(pins, {}, (platform,))
    same(out_and_in("conda-explicit", environment, *locks, addresses=addresses(locks)), environment)


@settings(max_examples=40, deadline=None)
@given(CONDA_PINS, st.dictionaries(NAMES, st.just("ours")))
def test_conda_lock(pins: dict[str, str], channels: dict[str, str]) -> None:
    environment, locks = conda_pinned(pins, channels, BOTH)
    md5 = {package.sha256: "a" * 32 for lock in locks for package in lock.conda}
    more = {"addresses": addresses(locks), "md5": md5, "definition": DIGEST}
    same(out_and_in("conda-lock", environment, *locks, **more), environment)


@settings(max_examples=20, deadline=None)
@given(PINS, st.sampled_from(["forge", "ours"]))
def test_conda_lock_with_wheels(pins: dict[str, tuple[str, tuple[str, ...]]], channel: str) -> None:
    """Wheels are those of every platform: what is on one alone is a marker's affair, which the file has not."""
    everywhere = {name: (version, BOTH) for name, (version, _) in pins.items()}
    environment, wheels = pinned(everywhere)
    with_conda, conda = conda_pinned(
        {"python": "3.11.9", "numpy": "3.11.0"}, dict.fromkeys(("python", "numpy"), channel), BOTH
    )
    environment = replace(environment, conda=with_conda.conda)
    locks = tuple(replace(one, conda=other.conda) for one, other in zip(wheels, conda, strict=True))
    md5 = {package.sha256: "a" * 32 for lock in locks for package in lock.conda}
    more = {"addresses": addresses(locks), "md5": md5, "definition": DIGEST}
    same(out_and_in("conda-lock", environment, *locks, **more), environment)


def test_dockerfile_of_a_base_image() -> None:
    """A user-managed image goes out as what it starts from, and comes in as one."""
    image = f"registry.example.com/base@{DIGEST}"
    environment = Environment(name="sample", base=ImageBase(image=image), managed="user")
    base = LockedImage(image=image, digest=DIGEST, manifests=())
    same(out_and_in("dockerfile", environment, base=base), environment)

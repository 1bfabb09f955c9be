"""Lock the wheels of one platform with uv: solve, choose the file that fits, record size and sha256."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envcatalog.lock.addresses import remember
from envcatalog.lock.download import Downloader
from envcatalog.lock.indexes import MachineIndexes, machine_indexes
from envcatalog.lock.named import DEFAULT_INDEX, index_of, tie
from envcatalog.lock.provided import Provided, explained, write_provided
from envcatalog.lock.pylock import Candidate, RemoteWheel, preferences, read_pylock
from envcatalog.lock.tags import best_file, tag_ranks, uv_platform
from envcatalog.lock.urls import credentials_in
from envcatalog.lock.uv import UvResult, compile_arguments, run_uv, uv_folder
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import Wheel
from envcatalog.model.settings import Settings

_NO_WHEEL = re.compile(r"Wheels are required for `([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelRequest:
    """What is to be solved for one platform.

    Attributes:
        requirements: PEP 508, as written in the definition.
        python: full version, ``3.11.2``.
        glibc: N of the base's glibc 2.N.
        installed: the wheels of the parent environments: they keep their versions and are not locked again.
        parent: the parent's name, for messages.
        preferred: the previous lock's wheels, without those to be upgraded.
        provided: packages that are there without being wheels; they keep their versions and are not locked.
    """

    requirements: tuple[str, ...]
    python: str
    platform: str
    glibc: int
    installed: tuple[Wheel, ...] = ()
    parent: str = ""
    preferred: tuple[Wheel, ...] = ()
    provided: tuple[Provided, ...] = ()

    @property
    def target(self) -> str:
        """For messages: ``Python 3.11 on linux/amd64``."""
        return f"Python {'.'.join(self.python.split('.')[:2])} on {self.platform}"


def lock_wheels(request: WheelRequest, *, settings: Settings, cache: Path) -> tuple[Wheel, ...]:
    """Solve and return the wheels that the environment adds to its parent, sorted by name.

    Raises:
        Refusal: no solution (with uv's reason), a package without a fitting wheel, or one from an index that
            it may not come from.
        UserError: the index cannot be reached.
    """
    roots = requirement_names(request)
    if not roots:
        return ()
    machine = machine_indexes()
    candidates = _solve(request, roots, machine, settings, cache)
    already = {wheel.name for wheel in request.installed} | {item.name for item in request.provided}
    chosen = [
        (candidate, _choose(candidate, request)) for candidate in candidates if candidate.name not in already
    ]
    wheels = _complete(chosen, machine, settings)
    remember(cache, ((wheel.sha256, remote.url) for wheel, (_, remote) in zip(wheels, chosen, strict=True)))
    return tuple(sorted(wheels, key=lambda wheel: wheel.name))


def requirement_names(request: WheelRequest) -> frozenset[str]:
    """Normalised names of the requirements.

    Raises:
        Refusal: one is no requirement, is a direct reference, or contradicts the parent.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    installed = {wheel.name: wheel for wheel in request.installed}
    provided = {package.name: package for package in request.provided}
    names = set()
    for text in request.requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise Refusal(f"`{text}` is not a requirement", "write `name==version`, as in PEP 508") from None
        if requirement.url:
            raise Refusal(f"`{text}` is a direct reference", "only packages of an index can be locked")
        name = canonicalize_name(requirement.name)
        names.add(str(name))
        theirs = installed.get(name)
        if theirs and not requirement.specifier.contains(theirs.version, prereleases=True):
            raise Refusal(
                f"`{text}` contradicts `{theirs.name}=={theirs.version}` "
                f"of the base environment `{request.parent}`",
                "an environment keeps the versions of its base; change one of the two",
            )
        brought = provided.get(name)
        if brought and not requirement.specifier.contains(brought.version, prereleases=True):
            raise Refusal(
                f"`{text}` contradicts `{brought.name}=={brought.version}`, {brought.origin}",
                "change one of the two, or leave the requirement out",
            )
    return frozenset(names)


def _solve(
    request: WheelRequest,
    roots: frozenset[str],
    machine: MachineIndexes,
    settings: Settings,
    cache: Path,
    pinned: frozenset[str] = frozenset(),
) -> tuple[Candidate, ...]:
    with uv_folder(cache) as folder:
        _write_inputs(request, folder, pinned)
        constrained = bool(request.installed or request.provided)
        arguments = [
            f"--python-version={request.python}",
            f"--python-platform={uv_platform(request.platform, request.glibc)}",
            *(["--constraints=constraints.txt"] if constrained else []),
            *machine.uv_arguments(),
            "requirements.txt",
        ]
        if settings.indexes:
            known = [wheel.name for wheel in (*request.preferred, *request.installed)]
            failed = tie(
                folder,
                arguments,
                roots=roots,
                known=known,
                preferred=_pins(request.preferred),
                settings=settings,
                provided=frozenset(package.name for package in request.provided),
            )
            if failed:
                raise _no_solution(failed, request, machine)
            arguments.append("pyproject.toml")
        output = folder / "pylock.toml"
        result = run_uv(
            [
                *compile_arguments(),
                *arguments,
                "--no-annotate",
                "--format=pylock.toml",
                f"--output-file={output.name}",
            ],
            folder,
        )
        if not result.ok:
            raise _no_solution(result, request, machine)
        candidates = read_pylock(output.read_text(), folder)
    # What an extra needs is not known of a package that is there already: an index says it of the same release.
    on_index = {package.name for package in request.provided if package.on_index}
    if on_index & result.without_extras <= pinned:
        return candidates
    return _solve(request, roots, machine, settings, cache, pinned | on_index & result.without_extras)


def _write_inputs(request: WheelRequest, folder: Path, pinned: frozenset[str]) -> None:
    """Requirements go by file, never by argument; the previous versions stand where uv looks for them."""
    (folder / "requirements.txt").write_text("".join(f"{text}\n" for text in request.requirements))
    provided = write_provided(folder, request.provided, pinned=pinned)
    (folder / "constraints.txt").write_text(_pins(request.installed) + provided)
    if request.preferred:
        (folder / "pylock.toml").write_text(preferences(request.preferred))


def _pins(wheels: Sequence[Wheel]) -> str:
    return "".join(f"{wheel.name}=={wheel.version}\n" for wheel in wheels)


def _no_solution(result: UvResult, request: WheelRequest, machine: MachineIndexes) -> UserError:
    if not result.unsatisfiable:
        return UserError(f"`uv` failed: {result.explanation}", "is the package index reachable? try again")
    source_only = _NO_WHEEL.search(result.explanation)
    if source_only:
        return Refusal(
            f"`{source_only[1]}` has no wheel, and building a source distribution would run its code\n"
            f"{result.explanation}",
            f"ask for a version that has a wheel for {request.target}, or leave it out",
        )
    hint = "change the requirements that the reason names"
    if request.installed:
        hint += f"; packages of the base environment `{request.parent}` keep their versions"
    for by in sorted({package.by for package in request.provided}):
        hint += f"; packages that `{by}` brings keep their versions"
    if machine.ignored:
        hint += (
            "; pip's `extra-index-url` is not used: name that index under `indexes` in `catalog/catalog.yaml`"
        )
    reason = explained(result.explanation, request.provided)
    return Refusal(f"no set of wheels for {request.target} fits\n{reason}", hint)


def _choose(candidate: Candidate, request: WheelRequest) -> RemoteWheel:
    for wheel in request.preferred:
        for remote in candidate.wheels:
            # a build uploaded later must not change a lock that nobody asked to upgrade
            if (wheel.name, wheel.file, wheel.sha256) == (candidate.name, remote.file, remote.sha256):
                return remote
    minor = ".".join(request.python.split(".")[:2])
    files = {remote.file: remote for remote in candidate.wheels}
    best = best_file(files, tag_ranks(minor, request.platform, request.glibc))
    if best is None:
        raise Refusal(
            f"`{candidate.name}=={candidate.version}` has no wheel for {request.target}",
            "ask for another version or leave it out",
        )
    return files[best]


def _complete(
    chosen: Sequence[tuple[Candidate, RemoteWheel]], machine: MachineIndexes, settings: Settings
) -> list[Wheel]:
    """The wheels with size and sha256; what the index does not tell is asked of the file's server."""
    urls = [remote.url for _, remote in chosen if not (remote.size and remote.sha256)]
    learnt: Mapping[str, tuple[int, str]] = {}
    if urls:
        from concurrent.futures import ThreadPoolExecutor

        logins = credentials_in([*(index.url for index in settings.indexes), *machine.credentials])
        downloader = Downloader(logins)
        try:
            with ThreadPoolExecutor(4) as pool:
                partial = [remote for _, remote in chosen if remote.url in urls]
                learnt = dict(
                    zip(urls, pool.map(lambda remote: _learn(remote, downloader), partial), strict=True)
                )
        finally:
            downloader.close()
    return [_wheel(candidate, remote, learnt, settings) for candidate, remote in chosen]


def _learn(remote: RemoteWheel, downloader: Downloader) -> tuple[int, str]:
    if remote.sha256:
        size = downloader.length(remote.url)
        if size:
            return size, remote.sha256
    size, sha256 = downloader.measure(remote.url)
    return size, remote.sha256 or sha256


def _wheel(
    candidate: Candidate, remote: RemoteWheel, learnt: Mapping[str, tuple[int, str]], settings: Settings
) -> Wheel:
    size, sha256 = learnt.get(remote.url, (remote.size, remote.sha256))
    index = index_of(candidate.name, settings)
    return Wheel(
        name=candidate.name,
        version=candidate.version,
        file=remote.file,
        size=size,
        sha256=sha256,
        index=index.name if index else DEFAULT_INDEX,
    )

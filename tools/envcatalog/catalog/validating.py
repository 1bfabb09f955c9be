"""Every problem of every file at once. Only files are read: nothing is fetched, nothing is run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from envcatalog.catalog.building.folder_problems import folder_problems
from envcatalog.catalog.content import Content
from envcatalog.catalog.places import SETTINGS_PATH, lock_path
from envcatalog.catalog.policing import Newest, policy_problems
from envcatalog.definition.policy.secrets import without_secrets
from envcatalog.definition.reader import Reading, SettingsReading, read_settings
from envcatalog.definition.rules.catalog import check_catalog
from envcatalog.lock.folders import HINT, outside_folders
from envcatalog.model.errors import Refusal
from envcatalog.model.problem import Problem
from envcatalog.model.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How many definitions were checked, and all that was found, sorted by file and place."""

    checked: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """True when there is no error; warnings do not count."""
        return all(problem.severity != "error" for problem in self.problems)


def validate(
    content: Content, names: Iterable[str] = (), *, today: str = "", newest: Newest | None = None
) -> Validation:
    """Check the settings and the named definitions (all without a name), and the locks beside them.

    Args:
        today: ``YYYY-MM-DD``; the current day in UTC where it is empty.
        newest: for the policy's `growth`: what an environment's newest version would download.

    Raises:
        UserError: a name does not exist.
    """
    chosen = tuple(dict.fromkeys(names))
    day = today or datetime.now(UTC).date().isoformat()
    problems: list[Problem] = []
    settings = Settings()
    found_settings: SettingsReading | None = None
    data = content.source.read(SETTINGS_PATH)
    if data is not None:
        found_settings = read_settings(data, SETTINGS_PATH)
        settings = found_settings.settings or settings
        problems += found_settings.problems
        problems += [
            found_settings.located.problem("settings-folder", folder.message, folder.path, HINT)
            for folder in outside_folders(settings)
        ]
    wanted = chosen or content.names
    checked = {name: content.reading(name) for name in wanted}
    # Rules across files need the bases, too; what is wrong inside those is only reported when asked for.
    context = checked if not chosen else {name: content.reading(name) for name in content.names}
    for found in checked.values():
        problems += found.problems
    files = {f"catalog/{name}/environment.yaml" for name in wanted}
    problems += [problem for problem in check_catalog(context, settings, today=day) if problem.file in files]
    for name, reading in checked.items():
        problems += folder_problems(content, name, reading)
    problems += _locks(content, wanted, checked)
    if found_settings is not None:
        problems += policy_problems(
            content, wanted, context, found_settings, newest=newest, whole=not chosen, today=day
        )
    if not chosen:
        problems += [
            Problem(
                code="file-skipped",
                severity="warning",
                message=f"`{item.where}` {item.reason}, so it is passed over",
                file=item.where,
            )
            for item in content.source.skipped()
        ]
    return Validation(
        checked=len(checked),
        problems=tuple(
            sorted(
                set(without_secrets(problems)),
                key=lambda item: (item.file, item.line, item.column, item.code, item.message),
            )
        ),
    )


def _locks(content: Content, names: Iterable[str], readings: dict[str, Reading]) -> list[Problem]:
    problems = []
    for name in names:
        if readings[name].environment is None:
            continue
        try:
            content.lock(name)
        except Refusal as error:
            problems.append(
                Problem(code="lock-invalid", message=error.message, file=lock_path(name), hint=error.hint)
            )
    return problems

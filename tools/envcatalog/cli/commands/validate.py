"""`envcat validate`."""

from __future__ import annotations

import click

from envcatalog import __version__
from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog, references_argument
from envcatalog.model.errors import EXIT_NO


@click.command("validate")
@references_argument
@catalog_options
@formats("github", "gitlab", "sarif")
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], directory: str | None, form: str) -> int:
    """Check definitions, settings and locks, and report every problem of every file at once.

    REF may name a commit (`NAME@COMMIT`, `NAME@BRANCH`, `NAME@3`): it is checked instead of what is on disk.

    Only files are read: nothing is fetched and nothing is run, so it is safe on a stranger's pull request.
    Exit code 1 when there are errors.
    """
    result = open_catalog(ctx, directory).validate(names)
    if form == "json":
        from envcatalog.report.json import validate_json

        emit(validate_json(result.checked, result.problems))
    elif form == "github":
        from envcatalog.report.github import problems_github

        emit(problems_github(result.problems))
    elif form == "gitlab":
        from envcatalog.report.gitlab import problems_gitlab

        emit(problems_gitlab(result.problems))
    elif form == "sarif":
        from envcatalog.report.sarif import problems_sarif

        emit(problems_sarif(result.problems, version=__version__))
    else:
        from envcatalog.report.problems import problems_text

        emit(problems_text(result.problems, colour=colour()))
        found = len(result.problems)
        click.echo(f"{result.checked} checked, {found or 'no'} problem{'' if found == 1 else 's'}")
    return 0 if result.ok else EXIT_NO

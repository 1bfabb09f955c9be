"""`envcat update`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envcatalog.cli.choice import OneOf
from envcatalog.cli.options import catalog_options, colour, emit, formats, names_argument, open_catalog
from envcatalog.model.errors import EXIT_NO

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog
    from envcatalog.model.update import Update


def _days(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    found = re.fullmatch(r"([0-9]{1,4})d", value) if value is not None else None
    if value is not None and found is None:
        raise click.BadParameter(f"`{value}` is no age in days, like `30d`")
    return int(found[1]) if found else None


def _prefix(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./-]*", value) or re.search(r"\.\.|//|/\.|\./", value):
        raise click.BadParameter(f"`{value}` is not what a branch's name may begin with")
    return value


@click.command("update")
@names_argument
@click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="Only this Python or Debian package, or base image by its reference; may be given several times.",
)
@click.option(
    "--older-than", callback=_days, metavar="DAYS", help="Only locks that were committed before, like `30d`."
)
@click.option(
    "--security", is_flag=True, help="Only packages that an advisory speaks of; needs --advisories."
)
@click.option(
    "--advisories",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="OSV advisories as JSON: a file, or a folder of them. Nothing is fetched.",
)
@click.option(
    "--group",
    type=OneOf(["all", "environment", "package"]),
    default="environment",
    show_default=True,
    help="What one branch with one commit is for.",
)
@click.option(
    "--branch-prefix",
    default="envcat/",
    show_default=True,
    callback=_prefix,
    help="What the branches' names begin with.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if there is anything new.")
@click.option("--push", is_flag=True, help="Push the branches to `origin`.")
@click.option(
    "--open", "open_them", is_flag=True, help="Push, and open pull requests through `gh` or `glab`."
)
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context, /, names: tuple[str, ...], directory: str | None, form: str, **options: Any
) -> int:
    """Make locks newer: one branch and one commit for each change, from the current commit.

    The commit message carries what changes. Environments on a base that becomes newer are locked anew in the same
    commit. Nothing that is checked out is touched, and branches with commits of others stay as they are.
    """
    if options["security"] and options["advisories"] is None:
        raise click.UsageError("--security needs --advisories PATH, since no advisory is fetched")
    if options["advisories"] is not None and not options["security"]:
        raise click.UsageError("--advisories needs --security")
    if options["security"] and options["packages"]:
        raise click.UsageError("--security names the packages itself, so --package has no place")
    if options["check"] and (options["push"] or options["open_them"]):
        raise click.UsageError("--check writes nothing, so it cannot push")
    result = _run(open_catalog(ctx, directory), names, **options)
    if form == "json":
        from envcatalog.report.update import updates_json

        emit(updates_json(result))
    else:
        from envcatalog.report.update import updates_text

        emit(updates_text(result, colour=colour()))
    return EXIT_NO if result.failed or (options["check"] and result.updates) else 0


def _run(catalog: Catalog, names: tuple[str, ...], **options: Any) -> Any:
    from datetime import UTC, datetime

    from envcatalog.catalog.update.advisories import read_advisories
    from envcatalog.catalog.update.branches import names_to_update, update_locks
    from envcatalog.catalog.update.updating import Request

    chosen = names_to_update(catalog, names, older_than=options["older_than"], now=datetime.now(UTC))
    request = Request(
        names=chosen,
        packages=frozenset(options["packages"]),
        advisories=read_advisories(options["advisories"]) if options["advisories"] else None,
        group=options["group"],
        prefix=options["branch_prefix"],
    )
    opens = options["open_them"]
    return update_locks(
        catalog,
        request,
        check=options["check"],
        push=options["push"] or opens,
        open_one=(lambda update: _open(catalog, update)) if opens else None,
    )


def _open(catalog: Catalog, update: Update) -> str:
    from envcatalog.git.remote import source_url
    from envcatalog.report.update import update_markdown
    from envcatalog.run.forge import PullRequest, open_pull_request

    asked = PullRequest(
        branch=update.branch,
        target=catalog.repository.branch(),
        title=update.subject,
        body=update_markdown(update),
    )
    return open_pull_request(
        catalog.repository.root,
        asked,
        remote_url=source_url(catalog.repository) or "",
        is_new=update.status != "unchanged",
    )

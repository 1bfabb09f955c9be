"""`envcat plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envcatalog import __version__
from envcatalog.cli.options import (
    builder_option,
    catalog_options,
    chosen_names,
    chosen_registry,
    colour,
    emit,
    formats,
    open_catalog,
    references_argument,
    registry_option,
    shard_option,
)
from envcatalog.model.errors import EXIT_NO

if TYPE_CHECKING:
    from envcatalog.model.environment import BuilderName
    from envcatalog.model.plan import Action


@click.command("plan")
@references_argument
@click.option("--archived", is_flag=True, help="Plan what is archived, too.")
@builder_option
@shard_option
@catalog_options
@registry_option
@formats("github", "sarif", "github-matrix", "gitlab-pipeline", "markdown")
@click.option(
    "--since",
    metavar="COMMIT",
    help="Only what differs from this commit, or inherits from what does; with markdown, what changed, too.",
)
@click.option(
    "--groups",
    type=click.IntRange(2, 256),
    metavar="N",
    help="With github-matrix: two lines for $GITHUB_OUTPUT, `bases=` (to be published first) and `rest=`, "
    "two matrices of at most N jobs together; the forge allows 256.",
)
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    archived: bool,
    builder: BuilderName | None,
    shard: str | None,
    directory: str | None,
    registry: str | None,
    form: str,
    since: str | None,
    groups: int | None,
) -> int:
    """Say for each environment whether publish would build, skip, retag or refuse it, and why.

    REF may name a commit (`NAME@COMMIT`, `NAME@BRANCH`, `NAME@3`): it is planned instead of what is on disk.

    Git alone is asked, so it is safe on a stranger's pull request; with --registry (or $ENVCAT_REGISTRY) the images
    and tags there are compared, too. Exit code 1 if an environment is refused.
    """
    if groups is not None and form != "github-matrix":
        raise click.UsageError("--groups needs --format github-matrix")
    catalog = open_catalog(ctx, directory)
    catalog.builder = builder
    if shard is not None or since is not None or form in ("github-matrix", "gitlab-pipeline"):
        from envcatalog.catalog.history.reference import worktree_names

        names = worktree_names(names)
    chosen = chosen_names(catalog, names, shard)
    actions: tuple[Action, ...] = ()
    if chosen is not None:
        actions = catalog.plan(
            chosen, registry=chosen_registry(ctx, registry), archived=archived, since=since
        )
    if form == "json":
        from envcatalog.report.json import plan_json

        text = plan_json(actions)
    elif form == "github":
        from envcatalog.report.github import plan_github

        text = plan_github(actions)
    elif form == "sarif":
        from envcatalog.report.sarif import plan_sarif

        text = plan_sarif(actions, version=__version__)
    elif form == "github-matrix" and groups is not None:
        from envcatalog.catalog.publishing.groups import publish_groups
        from envcatalog.report.matrix import groups_matrix

        text = groups_matrix(*publish_groups(catalog.content, actions, limit=groups))
    elif form == "github-matrix":
        from envcatalog.report.matrix import plan_matrix

        text = plan_matrix(actions)
    elif form == "gitlab-pipeline":
        from envcatalog.catalog.publishing.groups import publish_groups
        from envcatalog.ci.gitlab import JOBS, child_pipeline

        text = child_pipeline(*publish_groups(catalog.content, actions, limit=JOBS))
    elif form == "markdown" and since is not None:
        from envcatalog.catalog.review import review
        from envcatalog.catalog.review_settings import review_settings
        from envcatalog.report.markdown import review_markdown

        reviewed, left_out = review(catalog, since)
        settings = review_settings(catalog, since)
        text = review_markdown(actions, reviewed, left_out=left_out, settings=settings)
    elif form == "markdown":
        from envcatalog.report.markdown import plan_markdown

        text = plan_markdown(actions)
    else:
        from envcatalog.report.text import plan_text

        text = plan_text(actions, colour=colour())
    emit(text)
    return EXIT_NO if any(action.action == "refuse" for action in actions) else 0

"""Runs the script of the workflow that comments, under node, with a forge that only records."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forge_runner import load, steps

from envcatalog.ci.github import github_files
from support.servers import missing

HARNESS = """
const fs = require('fs')
const { script, jobs } = JSON.parse(fs.readFileSync(0, 'utf8'))
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor
const answer = async ({ report, pulls, comments, run }) => {
  process.env.REPORT = report
  const calls = []
  const record = (name) => async (given) => { calls.push([name, given]) }
  const github = {
    paginate: async (method, given) => method(given),
    rest: {
      pulls: { list: async () => pulls },
      issues: {
        listComments: async () => comments,
        createComment: record('createComment'),
        updateComment: record('updateComment'),
      },
    },
  }
  const context = { repo: { owner: 'acme', repo: 'catalog' }, payload: { workflow_run: run } }
  await new AsyncFunction('github', 'context', 'require', script)(github, context, require)
  return calls
}
const main = async () => {
  const answers = []
  for (const job of jobs) answers.push(await answer(job))
  console.log(JSON.stringify(answers))
}
main()
"""
RUN = {
    "head_sha": "a" * 40,
    "head_branch": "x`$(id)`",
    "head_repository": {"id": 1, "owner": {"login": "ada"}},
}
PULL = {"number": 7, "head": {"sha": "a" * 40, "repo": {"id": 1}}}


@dataclass(frozen=True)
class Posted:
    """Calls that change something: the name of each, and what it was given."""

    calls: list[tuple[str, dict[str, Any]]]


class Script:
    """The script, as the workflow holds it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def post(
        self, folder: Path, reports: Iterable[str | bytes], *, link: str = "", **scenario: Any
    ) -> Iterator[Posted]:
        """Run it once for each report, in one process."""
        if shutil.which("node") is None:
            missing("node, which is not installed")
        jobs = []
        for number, report in enumerate(reports):
            path = folder / f"report-{number}.md"
            path.unlink(missing_ok=True)
            if link:
                path.symlink_to(link)
            else:
                path.write_bytes(report if isinstance(report, bytes) else report.encode())
            jobs.append({"report": str(path), "pulls": [PULL], "comments": [], "run": RUN} | scenario)
        done = subprocess.run(
            ["node", "-e", HARNESS],
            input=json.dumps({"script": self.text, "jobs": jobs}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        for calls in json.loads(done.stdout):
            yield Posted([(name, given) for name, given in calls])


def _sound() -> Script:
    workflow = load(github_files("1.2.3").kept[".github/workflows/pull-request-comment.yml"])
    [step] = [step for _, step in steps(workflow) if "script" in step.get("with", {})]
    return Script(step["with"]["script"])


SOUND = _sound()


def comment(folder: Path, reports: Iterable[str]) -> Iterator[str]:
    """The body of the comment for each report."""
    for answer in SOUND.post(folder, reports):
        [(_, given)] = answer.calls
        yield given["body"]

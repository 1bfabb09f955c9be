const fs = require('fs')

const MARKER = '<!-- envcat: the report of the pull request -->'
const AUTHOR = 'github-actions[bot]'
const LIMIT = 60000 // the forge refuses a comment of more than 65,536 characters
const MAX_BYTES = 1 << 20

// What envcat writes: words without links or mentions, and whatever comes from a file in a code span.
// A line of any other kind is left out, so the comment is inert whoever wrote the report.
const WORD = '[A-Za-z0-9 ,;()]|-(?![0-9])'
const SPAN = '`[^`|]+`'
const HEAD = `#{3,4} (?:${SPAN}|[A-Za-z ]+)`
const ROW = `\\|(?: (?:${SPAN}|${WORD})*\\|)+`
const PROSE = `(?:${SPAN}|${WORD})*\\.?`
const LINES = new RegExp(`^(?:${HEAD}|${ROW}|${PROSE})$`)
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/

function readReport(path) {
  const found = fs.lstatSync(path)
  if (!found.isFile() || found.size > MAX_BYTES) return 'The report is no file of a usual size.\n'
  const lines = fs.readFileSync(path, 'utf8').trimEnd().split('\n')
  let body = ''
  let left = 0
  for (const line of lines) {
    const sound = line.length <= 2000 && !HIDDEN.test(line) && LINES.test(line)
    if (sound && body.length + line.length < LIMIT) body += line + '\n'
    else left += 1
  }
  return left ? `${body}\n${left} lines of the report are left out.\n` : body
}

async function findPullRequest(run) {
  const pulls = await github.paginate(github.rest.pulls.list, {
    ...context.repo,
    state: 'open',
    head: `${run.head_repository?.owner.login}:${run.head_branch}`,
    per_page: 100,
  })
  return pulls.filter((pull) => pull.head.sha === run.head_sha && pull.head.repo?.id === run.head_repository?.id)
}

const run = context.payload.workflow_run
const body = `${MARKER}\n${readReport(process.env.REPORT)}`
for (const pull of await findPullRequest(run)) {
  const comments = await github.paginate(github.rest.issues.listComments, {
    ...context.repo,
    issue_number: pull.number,
    per_page: 100,
  })
  const ours = comments.find((item) => item.user?.login === AUTHOR && item.body?.startsWith(MARKER))
  if (!ours) await github.rest.issues.createComment({ ...context.repo, issue_number: pull.number, body })
  else if (ours.body !== body) await github.rest.issues.updateComment({ ...context.repo, comment_id: ours.id, body })
}

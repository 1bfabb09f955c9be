"""Secrets in variables, found by `detect-secrets`: its detectors of known formats and of names such as `DB_PASSWORD`.

Its checks of entropy are left out, since they take every digest and path for a secret, and so is its verification,
which would send what it finds to the service it seems to belong to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from envcatalog.definition.finding import Path
from envcatalog.definition.policy.subject import Breach, Subject
from envcatalog.model.policy import PlainRule
from envcatalog.model.problem import Problem

CODE = "policy-secrets"
LONGEST = 4096
_DETECTORS = (
    *("ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector"),
    *("CloudantDetector", "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector"),
    *("IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector", "KeywordDetector"),
    *("MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector"),
    *("SendGridDetector", "SlackDetector", "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector"),
    *("TelegramBotTokenDetector", "TwilioKeyDetector"),
)
# What only names a secret is none: `$TOKEN`, `{{ token }}`, `get_token()`.
_FILTERS = (
    "is_indirect_reference",
    "is_not_alphanumeric_string",
    "is_prefixed_with_dollar_sign",
    "is_templated_secret",
)

_IN_IMAGE = "it is in Git and would be in every image: revoke it, and pass a new one when the image is run"
_IN_HISTORY = (
    "it is in Git and would be in the image: revoke it, and give a new one to the build by `--secret`"
)
_KEY = re.compile(r"\s*\w+\s*:\s*\Z")
_SEEN = re.compile(r"\S")


@contextmanager
def detectors() -> Iterator[None]:
    """The detectors that `secret_breaches` asks, and no others."""
    from detect_secrets.settings import transient_settings

    settings = {
        "plugins_used": [{"name": name} for name in _DETECTORS],
        "filters_used": [{"path": f"detect_secrets.filters.heuristic.{name}"} for name in _FILTERS],
    }
    with transient_settings(settings):
        yield


def secret_breaches(subject: Subject, rule: PlainRule) -> Iterator[Breach]:
    """A breach for each variable, build argument and Spark property that looks like a secret.

    The value is in no message.
    """
    environment = subject.environment
    variables = [(name, value, f"variable `{name}`") for name, value in environment.variables]
    yield from _breaches(variables, ("variables",), rule, _IN_IMAGE)
    conf = environment.spark.conf if environment.spark else ()
    properties = [(name, value, f"Spark property `{name}`") for name, value in conf]
    yield from _breaches(properties, ("spark", "conf"), rule, _IN_IMAGE)
    args = environment.dockerfile.args if environment.dockerfile else ()
    arguments = [(name, value, f"build argument `{name}`") for name, value in args]
    yield from _breaches(arguments, ("dockerfile", "args"), rule, _IN_HISTORY)
    for item in subject.dockerfile:
        what = f"variable `{item.name}` on line {item.line} of the Dockerfile"
        for breach in _breaches([(item.name, item.value, what)], (), rule, _IN_HISTORY):
            yield replace(breach, path=("dockerfile",), at_key=True)


def _breaches(
    places: Iterable[tuple[str, str, str]], path: Path, rule: PlainRule, hint: str
) -> Iterator[Breach]:
    for name, value, what in places:
        kinds = _kinds(name.replace(".", "_"), value)  # the detectors know names of variables
        if kinds:
            message = f"the {what} looks like a secret ({', '.join(kinds)})"
            yield Breach(rule="secrets", message=message, path=(*path, name), reason=rule.reason, hint=hint)


def without_secret(problem: Problem) -> Problem:
    """The problem with its source line struck out: all but a key alone before the value, since others may be near."""
    start = problem.column - 1
    key, rest = problem.source[:start], problem.source[start:]
    if not _KEY.match(key):
        key = _SEEN.sub("*", key)
    return replace(problem, source=key + "*" * len(rest))


def without_secrets(problems: Iterable[Problem]) -> list[Problem]:
    """All problems; of those that share a line with a secret that was found, the line is struck out."""
    problems = list(problems)
    lines = {(item.file, item.line) for item in problems if item.code == CODE}
    return [
        replace(item, source=_SEEN.sub("*", item.source))
        if item.code != CODE and (item.file, item.line) in lines
        else item
        for item in problems
    ]


def _kinds(name: str, value: str) -> list[str]:
    from detect_secrets.core.scan import scan_line

    found = set()
    for line in value[:LONGEST].splitlines():
        quote = "'" if '"' in line else '"'
        found |= {secret.type for secret in scan_line(f"{name} = {quote}{line}{quote}")}
    return sorted(found)

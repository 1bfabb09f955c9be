"""Secrets in variables, found by `detect-secrets`: its detectors of known formats and of names such as `DB_PASSWORD`.

Its checks of entropy are left out, since they take every digest and path for a secret, and so is its verification,
which would send what it finds to the service it seems to belong to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from envcatalog.definition.policy_subject import Breach
from envcatalog.model.environment import Environment
from envcatalog.model.policy import PlainRule
from envcatalog.model.problem import Problem

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


def secret_breaches(environment: Environment, rule: PlainRule) -> Iterator[Breach]:
    """A breach for each variable and Spark property that looks like a secret; the value is in no message."""
    conf = environment.spark.conf if environment.spark else ()
    places: list[tuple[str, tuple[str, ...], str, str]] = [
        ("variable", ("variables",), *item) for item in environment.variables
    ]
    places += [("Spark property", ("spark", "conf"), *item) for item in conf]
    for noun, path, name, value in places:
        kinds = _kinds(name.replace(".", "_"), value)  # the detectors know names of variables
        if kinds:
            yield Breach(
                rule="secrets",
                message=f"the {noun} `{name}` looks like a secret ({', '.join(kinds)})",
                path=(*path, name),
                reason=rule.reason,
                hint="it is in Git and would be in every image: revoke it, and pass a new one when the image is run",
            )


def without_secret(problem: Problem) -> Problem:
    """The problem with its source line struck out: all but a key alone before the value, since others may be near."""
    start = problem.column - 1
    key, rest = problem.source[:start], problem.source[start:]
    if not _KEY.match(key):
        key = _SEEN.sub("*", key)
    return replace(problem, source=key + "*" * len(rest))


def _kinds(name: str, value: str) -> list[str]:
    from detect_secrets.core.scan import scan_line

    found = set()
    for line in value[:LONGEST].splitlines():
        quote = "'" if '"' in line else '"'
        found |= {secret.type for secret in scan_line(f"{name} = {quote}{line}{quote}")}
    return sorted(found)

"""An edit becomes a published image, in the order that cannot lose anything.

blobs -> manifest and index by digest -> claim of the version (the Git tag; pushed first where there is a remote) ->
registry tag ``N`` -> moving tags. A kill at any point leaves the old state or the new one, and the same command run
again finishes the work: what is done is read from Git and the registry, never from a note of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from envcatalog.catalog.actions import moving_tags, plan_actions
from envcatalog.catalog.checking import Checking
from envcatalog.catalog.content import Content
from envcatalog.catalog.facts import git_facts
from envcatalog.catalog.workshop import Workshop, known_layers
from envcatalog.git.claim import claim_next
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.trees import Revision
from envcatalog.git.versions import VersionTags
from envcatalog.lock.file import lock_digest
from envcatalog.model.environment import EnvironmentBase
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.image import MEDIA_INDEX, BuiltImage, Layer
from envcatalog.model.plan import Action, ImagePlan
from envcatalog.model.result import Published
from envcatalog.model.seams import Manifest, Registry, Repository
from envcatalog.model.version import Version

VERSION_ARTIFACT = "application/vnd.envcatalog.version.v1"

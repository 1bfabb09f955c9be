"""Scripts of conda packages that an installer or a shell would run, and that nothing runs here.

Only paths are needed to tell, and those are known of a layer that another machine built, too (`Layer.claims`).
"""

from __future__ import annotations

import re

_LINK = re.compile(r"opt/env/bin/\.(?P<name>.+)-(?P<kind>pre-link|post-link)\.sh\Z")
_ACTIVATION = re.compile(r"opt/env/etc/conda/activate\.d/(?P<name>[^/]+)\Z")


def unrun_script(path: str) -> str:
    """What is not done because a script at this path of an image is not run, for people; empty where it is none."""
    found = _LINK.match(path)
    if found:
        return f"the {found['kind']} script of `{found['name']}` is not run"
    found = _ACTIVATION.match(path)
    return f"the activation script `{found['name']}` is not run" if found else ""

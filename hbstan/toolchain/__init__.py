"""CmdStan: find an installation, or assemble one from a wheel.

CmdStan's own installer downloads from GitHub. Where that is closed, the PyPI wheel
of httpstan brings Stan's headers, libraries and compiler; ``csrc`` holds the rest,
a front end that makes a CmdStan out of them. Only the wheel's files are used; its
Python package is never imported.
"""

from __future__ import annotations

from hbstan.toolchain.cache import cache_dir
from hbstan.toolchain.install import install_cmdstan
from hbstan.toolchain.installation import Installation, find_cmdstan, use
from hbstan.toolchain.recipe import PINNED, Recipe

__all__ = [
    "PINNED",
    "Installation",
    "Recipe",
    "cache_dir",
    "find_cmdstan",
    "install_cmdstan",
    "use",
]

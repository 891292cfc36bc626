"""The bundled example datasets: ``names()``, ``describe(name)``, ``load(name)``.

- ``surgical``: deaths among operations in 12 hospitals (binomial), the BUGS example.
- ``eight_schools``: effects of coaching in 8 schools (normal), Rubin (1981), rounded
  to whole points as usual: his estimates ``y`` and standard errors ``sigma``.
- ``eight_schools_unrounded``: the same before rounding.

The values live in :mod:`hbstan.data.bundled`, below this module, because
:func:`hbstan.data.load` finds them by name as well.
"""

from __future__ import annotations

from hbstan.data.bundled import DatasetInfo, describe, load, names

__all__ = ["DatasetInfo", "describe", "load", "names"]

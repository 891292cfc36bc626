"""The bundled example datasets: ``names()``, ``describe(name)``, ``load(name)``.

Published:

- ``surgical``: deaths among operations in 12 hospitals (binomial), the BUGS example.
- ``eight_schools``: effects of coaching in 8 schools (normal), Rubin (1981), rounded
  to whole points as usual: his estimates ``y`` and standard errors ``sigma``.
- ``eight_schools_unrounded``: the same before rounding.

Simulated for teaching, with the true values in ``describe(name).truth``:

- ``pharma``: effects of a drug in 12 hospitals (normal), mmHg.
- ``climate``: trends of temperature in 8 regions (normal), degrees C per decade.
- ``streamrec``: clicks among impressions in 25 categories (binomial).

The values live below this module, where :func:`hbstan.data.load` finds them by name
as well: :mod:`hbstan.data.published` and :mod:`hbstan.data.simulated`.
"""

from __future__ import annotations

from hbstan.data.bundled import DatasetInfo, describe, load, names

__all__ = ["DatasetInfo", "describe", "load", "names"]

"""A simulated test of students in several countries, in rotated booklets."""

from __future__ import annotations

from typing import Any

from hbstan.data.info import DatasetInfo
from hbstan.data.responses import ItemResponses

__all__ = ["build", "info"]

_SEED = 2018
#: Students a country, items, and items a student is given: two blocks of three.
_STUDENTS, _ITEMS, _BLOCKS = 20, 24, 3
_COUNTRIES = ("Avalon", "Brobdingnag", "Cimmeria", "Dinotopia", "Erewhon")
_MEANS = (0.6, 0.25, 0.0, -0.25, -0.6)


def info() -> DatasetInfo:
    """Return what is known about the dataset, the values behind it among it."""
    truth = _truth()
    return DatasetInfo(
        name="pisa_like",
        title="Answers of 100 students in 5 countries to 24 items (simulated)",
        kind="responses",
        source=(
            "Simulated in the manner of large-scale assessments: 2PL answers, each "
            "student given two of three blocks of items."
        ),
        doi=None,
        note=(
            "Abilities normal within countries with standard deviation 1 around means "
            "that sum to zero; difficulties evenly spread over the items from -2 to "
            "2, log discriminations normal(0.2, 0.3). Computed when loaded, from "
            f"numpy.random.RandomState({_SEED})."
        ),
        priors={},
        default_model="irt_2pl",
        family_priors={},
        truth={name: tuple(values.tolist()) for name, values in truth.items()},
    )


def _truth() -> dict[str, Any]:
    """Return abilities, difficulties, discriminations and means, to two decimals."""
    import numpy as np

    rng = np.random.RandomState(_SEED)
    means = np.array(_MEANS)
    theta = np.repeat(means, _STUDENTS) + rng.normal(size=means.size * _STUDENTS)
    a = np.exp(0.2 + 0.3 * rng.normal(size=_ITEMS))
    # Items are sorted by block; neighbours in difficulty are in different blocks.
    b = np.linspace(-2.0, 2.0, _ITEMS).reshape(-1, _BLOCKS).T.ravel()
    rounded = {"theta": theta, "b": b, "a": a, "mu_country": means}
    return {name: values.round(2) for name, values in rounded.items()}


def build() -> ItemResponses:
    """Simulate the answers; always the same."""
    import numpy as np

    truth = _truth()
    student, item = np.divmod(np.arange(len(truth["theta"]) * _ITEMS), _ITEMS)
    block = item // (_ITEMS // _BLOCKS)
    given = block != (student - 1) % _BLOCKS
    student, item = student[given], item[given]
    eta = truth["a"][item] * (truth["theta"][student] - truth["b"][item])
    # A stream of its own, so that the truth does not depend on the design.
    uniform = np.random.RandomState(_SEED + 1).random_sample(len(eta))
    country = np.repeat(np.arange(1, len(_COUNTRIES) + 1), _STUDENTS)
    labels = [
        f"{_COUNTRIES[c - 1][0]}{j % _STUDENTS + 1:02d}" for j, c in enumerate(country)
    ]
    return ItemResponses(
        labels=tuple(labels),
        axes={
            "item": tuple(f"{block}{i}" for block in "ABC" for i in range(1, 9)),
            "country": _COUNTRIES,
        },
        person=student + 1,
        item=item + 1,
        y=(uniform < 1 / (1 + np.exp(-eta))).astype(np.int64),
        country=country,
        columns={"person": "student"},
    )

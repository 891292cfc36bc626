"""The bundled studies: trials of the vaccine against tuberculosis, by latitude."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hbstan.data.info import DatasetInfo
from hbstan.data.study_estimates import Studies

__all__ = ["examples"]


def examples() -> tuple[tuple[DatasetInfo, Callable[[], Studies]], ...]:
    """Return what is known of each bundled dataset of studies, and how it is built."""
    extra = ("vaccinated_cases", "vaccinated", "control_cases", "control")
    columns = zip(*((a, a + b, c, c + d) for _, a, b, c, d, _ in _TRIALS), strict=True)
    info = DatasetInfo(
        name="bcg",
        title="BCG vaccine against tuberculosis: log risk ratios of 13 trials",
        kind="studies",
        source=(
            "Colditz GA, Brewer TF, Berkey CS, et al. (1994). Efficacy of BCG vaccine "
            "in the prevention of tuberculosis: meta-analysis of the published "
            "literature. JAMA 271(9), 698-702; with the latitudes of Berkey CS, "
            "Hoaglin DC, Mosteller F, Colditz GA (1995), doi:10.1002/sim.4780140406."
        ),
        doi="10.1001/jama.1994.03510330076038",
        note=(
            "Log of the risk ratio, vaccinated to control, so that values below 0 "
            "speak for the vaccine; standard errors by the delta method, from the "
            "cases and numbers in extra. The covariate is the absolute latitude in "
            "degrees. By restricted maximum likelihood mu is -0.7145 and tau^2 0.3132; "
            "given latitude, intercept 0.2515, slope -0.0291 and tau^2 0.0764."
        ),
        priors={},
        default_model="meta_regression",
        family_priors={},
        extra={
            name: tuple(map(float, c)) for name, c in zip(extra, columns, strict=True)
        },
    )
    return ((info, _build),)


def _build() -> Studies:
    values: Any = {
        "y": [
            math.log(a / (a + b)) - math.log(c / (c + d))
            for _, a, b, c, d, _ in _TRIALS
        ],
        "sigma": [
            math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
            for _, a, b, c, d, _ in _TRIALS
        ],
        "X": [[latitude] for *_, latitude in _TRIALS],
    }
    return Studies(
        labels=tuple(trial[0] for trial in _TRIALS),
        axes={"covariate": ("latitude",)},
        columns={"group": "trial", "estimate": "log risk ratio", "se": "se"},
        **values,
    )


#: Trial; cases and others among the vaccinated, cases and others among the controls;
#: absolute latitude in degrees.
_TRIALS = (
    ("Aronson 1948", 4, 119, 11, 128, 44.0),
    ("Ferguson & Simes 1949", 6, 300, 29, 274, 55.0),
    ("Rosenthal et al. 1960", 3, 228, 11, 209, 42.0),
    ("Hart & Sutherland 1977", 62, 13536, 248, 12619, 52.0),
    ("Frimodt-Moller et al. 1973", 33, 5036, 47, 5761, 13.0),
    ("Stein & Aronson 1953", 180, 1361, 372, 1079, 44.0),
    ("Vandiviere et al. 1973", 8, 2537, 10, 619, 19.0),
    ("TPT Madras 1980", 505, 87886, 499, 87892, 13.0),
    ("Coetzee & Berjak 1968", 29, 7470, 45, 7232, 27.0),
    ("Rosenthal et al. 1961", 17, 1699, 65, 1600, 42.0),
    ("Comstock et al. 1974", 186, 50448, 141, 27197, 18.0),
    ("Comstock & Webster 1969", 5, 2493, 3, 2338, 33.0),
    ("Comstock et al. 1976", 27, 16886, 29, 17825, 33.0),
)

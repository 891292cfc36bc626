"""The prior families: arguments, Stan codes, densities and draws."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from hbstan.errors import PriorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FAMILIES",
    "LKJ",
    "SUPPORTS",
    "Beta",
    "Exponential",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "Normal",
    "Pareto",
    "Prior",
    "StudentT",
]

#: What a parameter may be, and in words what its priors must have as support.
SUPPORTS = {
    "location": "the real line",
    "scale": "the positive half-line",
    "probability": "the interval (0, 1)",
    "concentration": "the positive half-line",
    "correlation": "correlation matrices; of two effects the interval (-1, 1)",
}


@dataclass(frozen=True)
class Prior:
    """Base class of the prior families; not itself a prior.

    Subclasses are frozen dataclasses whose fields are the arguments in Stan's
    order. All arguments must be finite, and those named in ``_positive`` greater
    than zero.
    """

    code: ClassVar[int]
    role: ClassVar[str]
    _positive: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, self._argument(field.name))

    def _argument(self, name: str) -> float:
        value = getattr(self, name)
        legal = "a finite number"
        if name in self._positive:
            legal += " greater than 0"
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        bad = not math.isfinite(number) or (name in self._positive and number <= 0)
        if bad:
            raise PriorError(
                f"{type(self).__name__}: {name} is {value!r}, but must be {legal}."
            )
        return number

    @property
    def args(self) -> tuple[float, ...]:
        """The arguments in Stan's order."""
        return tuple(getattr(self, f.name) for f in fields(self))

    def __str__(self) -> str:
        inner = ", ".join(f"{a:.6g}" for a in self.args)
        return f"{type(self).__name__}({inner})"

    def record(self) -> dict[str, Any]:
        """Return the prior as plain data: family and exact arguments."""
        return {"family": type(self).__name__, "args": list(self.args)}

    def distribution(self) -> Any:
        """Return the frozen SciPy distribution of this prior.

        Returns
        -------
        scipy.stats.rv_frozen
            With methods ``logpdf``, ``cdf``, ``ppf`` and ``rvs``.
        """
        return _frozen(self)

    def _scipy(self, stats: Any) -> Any:
        raise NotImplementedError

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Draw ``size`` exact, independent values.

        Parameters
        ----------
        rng : numpy.random.Generator
            The source of randomness.
        size : int
            How many values.

        Returns
        -------
        ndarray of shape (size,)
        """
        values: NDArray[np.float64] = self.distribution().rvs(
            size=size, random_state=rng
        )
        return values


@functools.lru_cache(maxsize=128)
def _frozen(prior: Prior) -> Any:
    """Return SciPy's distribution; making one takes longer than drawing from it."""
    from scipy import stats

    return prior._scipy(stats)


@dataclass(frozen=True)
class Normal(Prior):
    """Normal prior for a location: ``x ~ normal(loc, scale)``."""

    code: ClassVar[int] = 1
    role: ClassVar[str] = "location"
    _positive: ClassVar[tuple[str, ...]] = ("scale",)
    loc: float
    scale: float

    def _scipy(self, stats: Any) -> Any:
        return stats.norm(self.loc, self.scale)


@dataclass(frozen=True)
class StudentT(Prior):
    """Student-t prior for a location: ``x ~ student_t(df, loc, scale)``."""

    code: ClassVar[int] = 2
    role: ClassVar[str] = "location"
    _positive: ClassVar[tuple[str, ...]] = ("df", "scale")
    df: float
    loc: float
    scale: float

    def _scipy(self, stats: Any) -> Any:
        return stats.t(self.df, self.loc, self.scale)


@dataclass(frozen=True)
class HalfNormal(Prior):
    """Half-normal prior for a scale: ``x = |u|, u ~ normal(0, scale)``."""

    code: ClassVar[int] = 3
    role: ClassVar[str] = "scale"
    _positive: ClassVar[tuple[str, ...]] = ("scale",)
    scale: float

    def _scipy(self, stats: Any) -> Any:
        return stats.halfnorm(0.0, self.scale)


@dataclass(frozen=True)
class HalfCauchy(Prior):
    """Half-Cauchy prior for a scale: ``x = |u|, u ~ cauchy(0, scale)``."""

    code: ClassVar[int] = 4
    role: ClassVar[str] = "scale"
    _positive: ClassVar[tuple[str, ...]] = ("scale",)
    scale: float

    def _scipy(self, stats: Any) -> Any:
        return stats.halfcauchy(0.0, self.scale)


@dataclass(frozen=True)
class HalfStudentT(Prior):
    """Half-Student-t prior for a scale: ``x = |u|, u ~ student_t(df, 0, scale)``."""

    code: ClassVar[int] = 5
    role: ClassVar[str] = "scale"
    _positive: ClassVar[tuple[str, ...]] = ("df", "scale")
    df: float
    scale: float

    def _scipy(self, stats: Any) -> Any:
        # |t| with df degrees of freedom is the square root of an F(1, df)
        # variable; the folded Cauchy of SciPy has no such general form.
        return _FoldedT(stats, self.df, self.scale)


@dataclass(frozen=True)
class Exponential(Prior):
    """Exponential prior for a scale: ``x ~ exponential(rate)``, mean 1/rate."""

    code: ClassVar[int] = 6
    role: ClassVar[str] = "scale"
    _positive: ClassVar[tuple[str, ...]] = ("rate",)
    rate: float

    def _scipy(self, stats: Any) -> Any:
        return stats.expon(0.0, 1.0 / self.rate)


@dataclass(frozen=True)
class Beta(Prior):
    """Beta prior for a probability: ``x ~ beta(alpha, beta)``."""

    code: ClassVar[int] = 7
    role: ClassVar[str] = "probability"
    _positive: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    alpha: float
    beta: float

    def _scipy(self, stats: Any) -> Any:
        return stats.beta(self.alpha, self.beta)


@dataclass(frozen=True)
class Gamma(Prior):
    """Gamma prior for a concentration: ``x ~ gamma(shape, rate)``."""

    code: ClassVar[int] = 8
    role: ClassVar[str] = "concentration"
    _positive: ClassVar[tuple[str, ...]] = ("shape", "rate")
    shape: float
    rate: float

    def _scipy(self, stats: Any) -> Any:
        return stats.gamma(self.shape, scale=1.0 / self.rate)


@dataclass(frozen=True)
class Pareto(Prior):
    """Pareto prior for a concentration above ``minimum``.

    ``p(x) = shape * minimum^shape / x^(shape + 1)`` for ``x > minimum``.
    """

    code: ClassVar[int] = 9
    role: ClassVar[str] = "concentration"
    _positive: ClassVar[tuple[str, ...]] = ("minimum", "shape")
    minimum: float
    shape: float

    def _scipy(self, stats: Any) -> Any:
        return stats.pareto(self.shape, scale=self.minimum)


@dataclass(frozen=True)
class LKJ(Prior):
    """LKJ prior for a correlation matrix: ``p(Omega)`` is ``det(Omega)^(eta - 1)``.

    ``eta = 1`` is uniform over correlation matrices, a larger one favours weak
    correlations. What SciPy's distribution describes, and :meth:`draw` draws where no
    dimension is given, is the correlation of two effects: ``(rho + 1) / 2`` has the
    distribution ``beta(eta, eta)`` (Lewandowski, Kurowicka and Joe 2009,
    doi:10.1016/j.jmva.2009.04.008).
    """

    code: ClassVar[int] = 10
    role: ClassVar[str] = "correlation"
    _positive: ClassVar[tuple[str, ...]] = ("eta",)
    eta: float

    def _scipy(self, stats: Any) -> Any:
        return stats.beta(self.eta, self.eta, -1.0, 2.0)

    def draw(
        self, rng: np.random.Generator, size: int, dimension: int | None = None
    ) -> NDArray[np.float64]:
        """Draw correlations, or correlation matrices of a given dimension.

        Parameters
        ----------
        rng : numpy.random.Generator
            The source of randomness.
        size : int
            How many.
        dimension : int, optional
            The number of effects, 0 or more.

        Returns
        -------
        ndarray of shape (size,) or (size, dimension, dimension)
            Matrices by the vine method of the source: partial correlations, given
            those before, are beta distributed on (-1, 1).
        """
        if dimension is None:
            return super().draw(rng, size)
        import numpy as np

        factor = np.zeros((size, dimension, dimension))
        # What is left of a row's unit length.
        left = np.ones((size, dimension))
        for k in range(dimension):
            factor[:, k, k] = np.sqrt(left[:, k])
            shape = self.eta + 0.5 * (dimension - 2 - k)
            count = dimension - 1 - k
            if count:
                partial = 2.0 * rng.beta(shape, shape, (size, count)) - 1.0
                factor[:, k + 1 :, k] = partial * np.sqrt(left[:, k + 1 :])
                left[:, k + 1 :] *= 1.0 - partial**2
        matrix: NDArray[np.float64] = factor @ factor.transpose(0, 2, 1)
        return matrix


class _FoldedT:
    """The absolute value of a Student-t variable, with SciPy's method names."""

    def __init__(self, stats: Any, df: float, scale: float) -> None:
        self._t = stats.t(df, 0.0, scale)

    def logpdf(self, x: Any) -> Any:
        import numpy as np

        inside = np.log(2.0) + self._t.logpdf(x)
        return np.where(np.asarray(x) >= 0, inside, -np.inf)[()]

    def cdf(self, x: Any) -> Any:
        import numpy as np

        return np.where(np.asarray(x) >= 0, 2.0 * self._t.cdf(x) - 1.0, 0.0)[()]

    def ppf(self, q: Any) -> Any:
        import numpy as np

        return self._t.ppf((1.0 + np.asarray(q)) / 2.0)

    def mean(self) -> float:
        from scipy import integrate

        value, _ = integrate.quad(lambda q: float(self.ppf(q)), 0.0, 1.0)
        return float(value)

    def rvs(self, size: int, random_state: Any) -> Any:
        import numpy as np

        return np.abs(self._t.rvs(size=size, random_state=random_state))


#: The families by name.
FAMILIES: Mapping[str, type[Prior]] = {
    cls.__name__: cls
    for cls in (
        Normal,
        StudentT,
        HalfNormal,
        HalfCauchy,
        HalfStudentT,
        Exponential,
        Beta,
        Gamma,
        Pareto,
        LKJ,
    )
}

"""A normal mean whose posterior is known: exact draws under any normal prior."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import integrate
from scipy.special import ndtr
from scipy.stats import norm

import hbstan as hb
from hbstan.backends.fake import FakeBackend
from hbstan.errors import SamplingError
from hbstan.fit import Fit, fit
from hbstan.types import RawDraws


def posterior(y: Any, sigma: Any, loc: float, scale: float) -> tuple[float, float]:
    """Mean and sd of ``mu`` given estimates and the prior ``normal(loc, scale)``."""
    precision = 1 / np.asarray(sigma, float) ** 2
    var = 1 / (precision.sum() + scale**-2)
    return float(var * ((precision * y).sum() + loc / scale**2)), float(np.sqrt(var))


class Exact(FakeBackend):
    """Draws ``normal_pooled`` from its posterior; fails without the groups named."""

    def __init__(self, broken: tuple[int, ...] = (), short: bool = False) -> None:
        super().__init__({})
        self.broken, self.short = broken, short
        self.seen: list[dict[str, Any]] = []

    def sample(self, program, data, settings, *, progress=None) -> RawDraws:
        assert program.name == "normal_pooled"
        self.seen.append(dict(data))
        out = np.asarray(data["holdout"], bool)
        if any(out[place] for place in self.broken):
            raise SamplingError("the sampler gave up")
        y, sigma = np.asarray(data["y"]), np.asarray(data["sigma"])
        loc, scale, _ = data["prior_mu_args"]
        rng = np.random.default_rng(settings.seed)
        mean, sd = posterior(y[~out], sigma[~out], loc, scale)
        draws = 10 if self.short else settings.draws
        mu = rng.normal(mean, sd, (settings.chains, draws))
        theta = np.repeat(mu[..., None], y.size, axis=2)
        variables = {
            "mu": mu,
            "theta": theta,
            "lprior": norm.logpdf(mu, loc, scale)[..., None],
        }
        if data["predictive"]:
            variables |= {
                "log_lik": norm.logpdf(y, theta, sigma),
                "y_rep": rng.normal(theta, sigma),
            }
        return RawDraws(variables, {}, {"total": 0.0}, self.versions())


def data_of(y: Any, sigma: Any) -> Any:
    table = {"g": [f"g{i}" for i in range(len(y))], "y": list(y), "s": list(sigma)}
    return hb.data.group_estimates(table, group="g", estimate="y", se="s")


def exact_fit(y: Any, sigma: Any, loc: float, scale: float, **given: Any) -> Fit:
    settings = {"seed": 3, "iter_sampling": 4000, **given}
    prior = {"mu": hb.Normal(loc, scale)}
    engine = settings.pop("backend", None) or Exact()
    return fit(
        "normal_pooled", data_of(y, sigma), priors=prior, backend=engine, **settings
    )


def distance(
    first: tuple[float, float], second: tuple[float, float], low: float, high: float
) -> float:
    """The cumulative Jensen-Shannon distance of two normals, by quadrature.

    From ``low`` to ``high``, the range of the draws, on which it depends.
    """

    def one_way(sign: int) -> float:
        def cdfs(x: float) -> list[float]:
            return [float(ndtr(sign * (x - m) / s)) for m, s in (first, second)]

        def apart(x: float) -> float:
            middle = sum(cdfs(x)) / 2
            return sum(v * np.log2(v / middle) for v in cdfs(x) if v > 0)

        above, below = (
            integrate.quad(f, low, high, limit=400, points=[first[0], second[0]])[0]
            for f in (apart, lambda x: sum(cdfs(x)))
        )
        return above / below

    return float(np.sqrt(max(one_way(1), one_way(-1))))


def sensitivity(
    y: Any, sigma: Any, loc: float, scale: float, alphas: Any, draws: Any, part: str
) -> float:
    """The sensitivity of ``mu`` to its prior or the likelihood, in closed form."""
    base = posterior(y, sigma, loc, scale)
    found = []
    for alpha in alphas:
        root = np.sqrt(alpha)
        scaled = (
            posterior(y, sigma, loc, scale / root)
            if part == "prior"
            else posterior(y, np.asarray(sigma) / root, loc, scale)
        )
        moved = distance(base, scaled, float(draws.min()), float(draws.max()))
        found.append(moved / abs(np.log2(alpha)))
    return float(np.mean(found))

"""What a fit says of parameters that all groups share, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hbstan.fit import Fit

__all__ = ["system_sentences"]

#: Quantities of more elements are left to the tables.
_MOST_ELEMENTS = 6
_CI = (0.03, 0.97)


def system_sentences(fit: Fit) -> list[str]:
    """Say of each quantity that the groups share what it is estimated at.

    Parameters
    ----------
    fit : Fit
        Of a catalogue model.

    Returns
    -------
    list of str
        One sentence a quantity: its meaning, mean, 94 % interval and unit.
    """
    entry = fit.like
    if entry is None:
        return []
    out = []
    for parameter in entry.parameters:
        if parameter.name not in fit.posterior or parameter.name == entry.estimate:
            continue
        draws: Any = fit.posterior[parameter.name]
        inner = [d for d in draws.dims if d not in ("chain", "draw")]
        flat = draws.stack(element=inner) if inner else draws.expand_dims("element", -1)
        if flat.sizes["element"] > _MOST_ELEMENTS or "group" in inner:
            continue
        for i in range(flat.sizes["element"]):
            one = flat.isel(element=i)
            place = f" of {_name(one['element'].item())}" if inner else ""
            low, high = one.quantile(_CI).values
            if low == high:
                continue
            mean = float(one.mean())
            unit = "" if parameter.unit in ("none", "") else f" ({parameter.unit})"
            out.append(
                f"{parameter.meaning[:1].upper()}{parameter.meaning[1:]}{place}: about "
                f"{mean:.3g}, likely between {low:.3g} and {high:.3g}{unit}."
            )
    if out:
        out[0] += f" (Likely means: with a probability of {_CI[1] - _CI[0]:.0%}.)"
    return out


def _name(place: Any) -> str:
    keys = place if isinstance(place, tuple) else (place,)
    return " and ".join(map(str, keys))

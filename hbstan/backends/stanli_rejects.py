"""Draws whose generated quantities fail with stanli: what else they hold, and why.

Where a ``reject`` or a bound stops the generated quantities of a draw, stanli leaves
the whole draw NaN, parameters too, and says nothing. The interface of compiled models
that BridgeStan defines, and stanli's library offers as well, evaluates the points that
the sampler visited once more: without the generated quantities for the values, with
them for the program's message.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["mend"]

#: Draws that are tried for a message: random numbers may take another course.
_MOST_TRIED = 20
_REALS = ctypes.POINTER(ctypes.c_double)
_TEXT = ctypes.POINTER(ctypes.c_char_p)


def mend(
    stanli: Any,
    mir: str,
    rest: Callable[[], str],
    values: Mapping[str, Any],
    seed: int,
    points: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> tuple[int, str]:
    """Fill what can be known of draws that are NaN throughout, in place.

    Parameters
    ----------
    stanli : module
    mir : str
        The program in stanli's form.
    rest : callable
        Returns the same without generated quantities.
    values : mapping
        The data in plain types.
    seed : int
        Of random numbers in the transformed data.
    points : ndarray
        Unconstrained parameters, shape ``(chain, draw, parameter)``.
    columns : ndarray
        All outputs, shape ``(chain, draw, column)``, parameters and transformed
        parameters first.

    Returns
    -------
    failed : int
        The number of draws whose generated quantities failed.
    message : str
        What the program said in the first of them; empty if it does not say it again.
    """
    import numpy as np

    failed = np.isnan(columns).all(axis=-1) & (columns.shape[-1] > 0)
    places = [tuple(place) for place in np.argwhere(failed)]
    if not places:
        return 0, ""
    bare = _Evaluator(stanli, rest(), values, seed)
    for place in places:
        known, _ = bare.at(points[place], generated=False)
        columns[place][: len(known)] = known
    whole = _Evaluator(stanli, mir, values, seed)
    tried = (whole.at(points[p], generated=True)[1] for p in places[:_MOST_TRIED])
    return len(places), next(filter(None, tried), "")


class _Evaluator:
    """A program with its data, evaluated at unconstrained points."""

    def __init__(
        self, stanli: Any, mir: str, values: Mapping[str, Any], seed: int
    ) -> None:
        # A handle of its own: types of arguments are set on it.
        library: Any = ctypes.CDLL(str(stanli._runtime_lib_path()))
        library.bs_model_construct.restype = ctypes.c_void_p
        library.bs_model_construct.argtypes = [ctypes.c_char_p, ctypes.c_uint, _TEXT]
        library.bs_model_destruct.argtypes = [ctypes.c_void_p]
        library.bs_rng_construct.restype = ctypes.c_void_p
        library.bs_rng_construct.argtypes = [ctypes.c_uint, _TEXT]
        library.bs_rng_destruct.argtypes = [ctypes.c_void_p]
        library.bs_free_error_msg.argtypes = [ctypes.c_void_p]
        library.bs_param_num.argtypes = [ctypes.c_void_p, ctypes.c_bool, ctypes.c_bool]
        library.bs_param_constrain.argtypes = [
            *(ctypes.c_void_p, ctypes.c_bool, ctypes.c_bool, _REALS, _REALS),
            *(ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)),
        ]
        self._library = library
        own = {"build_id": stanli.build_id(), "mir": mir, "name": "program"}
        payload = {**json.loads(stanli._data_to_json(values)), "__stanli": own}
        data = json.dumps(payload).encode()
        self._model = library.bs_model_construct(data, seed, None)
        self._rng = library.bs_rng_construct(seed, None)

    def __del__(self) -> None:
        self._library.bs_rng_destruct(self._rng)
        self._library.bs_model_destruct(self._model)

    def at(
        self, point: NDArray[np.float64], *, generated: bool
    ) -> tuple[NDArray[np.float64], str]:
        """Return the outputs at a point, NaN where they fail, and what was said."""
        import numpy as np

        size = self._library.bs_param_num(self._model, True, generated)
        out = np.full(size, np.nan)
        theta = np.ascontiguousarray(point, dtype=float)
        said = ctypes.c_void_p()
        failed = self._library.bs_param_constrain(
            *(self._model, True, generated),
            *(theta.ctypes.data_as(_REALS), out.ctypes.data_as(_REALS)),
            *(self._rng, ctypes.byref(said)),
        )
        text = ctypes.string_at(said.value).decode() if said.value else ""
        if said.value:
            self._library.bs_free_error_msg(said)
        return (np.full(size, np.nan) if failed else out), text.strip()

"""The types of Stan's variables: their shapes, and what in them cannot move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.program.sizes import size_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Shape", "Type"]

#: Sizes of the dimensions; None where one is known only to the program.
Shape = tuple[int | None, ...]

#: Types whose one size is that of both dimensions.
_SQUARE = ("cov_matrix", "corr_matrix", "cholesky_factor_corr", "cholesky_factor_cov")


@dataclass(frozen=True)
class Type:
    """A type as it is declared.

    Parameters
    ----------
    name : str
        Stan's word: ``"int"``, ``"simplex"``, ``"tuple"``, ...
    array : tuple of str
        The sizes of ``array[...]`` as they are written, outermost first.
    sizes : tuple of str
        The type's own sizes.
    constraint : str
        What stands between ``<`` and ``>``.
    parts : tuple of Type
        The types of a tuple's parts.
    """

    name: str
    array: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    constraint: str = ""
    parts: tuple[Type, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return self.name == "int"

    @property
    def complex(self) -> bool:
        """Whether the values are complex numbers."""
        return self.name.startswith("complex")

    def shape(self, values: Mapping[str, Any]) -> Shape:
        """Return the declared shape, that of an array of tuples without the tuple's.

        Parameters
        ----------
        values : mapping
            The data that sizes may speak of.
        """
        own = self.sizes
        if self.name in _SQUARE and len(own) == 1:
            own *= 2
        return tuple(size_of(text, values) for text in (*self.array, *own))

    def constant(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return which elements are the same whatever the parameters are.

        They are those that the constraint leaves no choice: a simplex of one element,
        the diagonal of a correlation matrix, the zeros of a Cholesky factor.

        Parameters
        ----------
        shape : tuple of int
            The variable's shape.
        """
        import numpy as np

        fixed = np.zeros(shape, dtype=bool)
        if not shape:
            return fixed
        last, before = shape[-1], shape[-2] if len(shape) > 1 else 0
        one_row = self.name in ("sum_to_zero_matrix", "column_stochastic_matrix")
        one_column = self.name in ("sum_to_zero_matrix", "row_stochastic_matrix")
        if self.name in ("simplex", "sum_to_zero_vector"):
            fixed[...] = last == 1
        elif one_row or one_column:
            fixed[...] = (one_row and before == 1) or (one_column and last == 1)
        elif self.name == "corr_matrix":
            fixed[...] = np.eye(last, dtype=bool)
        elif self.name.startswith("cholesky_factor"):
            fixed[...] = np.triu(np.ones((before, last), dtype=bool), 1)
            if self.name == "cholesky_factor_corr":
                fixed[..., 0, 0] = True
        return fixed

    def __str__(self) -> str:
        array = f"array[{', '.join(self.array)}] " if self.array else ""
        sizes = f"[{', '.join(self.sizes)}]" if self.sizes else ""
        parts = f"({', '.join(map(str, self.parts))})" if self.parts else ""
        return f"{array}{self.name}{parts}{sizes}"

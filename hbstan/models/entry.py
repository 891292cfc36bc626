"""What the catalogue says of a model, and where its program is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import ModelError
from hbstan.types import StanProgram

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["ExactForm", "Model", "Parameter", "program_from_file", "stan_root"]


#: The bundled dataset of each kind of grouped data.
_EXAMPLES = {"binomial": "surgical", "normal": "eight_schools"}


@dataclass(frozen=True)
class Parameter:
    """A quantity of a model.

    Parameters
    ----------
    name : str
        Its name in the Stan program.
    meaning : str
        What it is.
    unit : str
        Unit and scale, e.g. ``"log-odds"`` or ``"probability"``.
    role : str, optional
        For top-level parameters the kind of prior it takes: ``location``,
        ``scale``, ``probability``, ``concentration`` or ``correlation``. Empty
        otherwise.
    dims : tuple of str
        Labelled dimensions, e.g. ``("group",)``. A top-level parameter that is one a
        group has the same prior, independently, for each.
    minimum : float, optional
        Where the program cuts the prior off: it is normalised above this value.
    """

    name: str
    meaning: str
    unit: str
    role: str = ""
    dims: tuple[str, ...] = ()
    minimum: float | None = None


@dataclass(frozen=True)
class ExactForm:
    """How a model's posterior is integrated without sampling; see :mod:`hbstan.exact`.

    Parameters
    ----------
    family : str
        A key of :data:`hbstan.exact.forms.FAMILIES`.
    data : mapping of str to str
        The family's arrays, and what the program calls them.
    names : mapping of str to str
        Variables of the program that the family calls otherwise: program's name to
        family's.
    derived : tuple of (str, str, str)
        Monotone functions of a hyperparameter: the program's name, the
        hyperparameter, and a key of :data:`hbstan.exact.quantities.FUNCTIONS`.
    """

    family: str
    data: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    derived: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Model:
    """An entry of the catalogue.

    Parameters
    ----------
    name, title, formula : str
        Identifier, one line, and the model in mathematics.
    kind : str
        Kind of data: ``"binomial"``, ``"normal"``, or one of
        :func:`hbstan.data.systems.kinds`.
    parameters : tuple of Parameter
        All quantities; those with a role are top-level and have priors.
    defaults : callable
        Dataset -> weakly informative priors with reasons.
    estimate : str
        The group-level quantity on the scale of the raw group rates.
    family : str
        Models of one family share parameters and priors.
    reference : str
        Source.
    ranked : tuple of str
        The parameters that calibration ranks; by default the top-level ones, and
        ``theta`` and ``z`` where the program has them.
    example : str
        The bundled dataset that shows the model; by default that of its kind of data.
    pooling : str
        What groups have to do with each other: ``"complete"`` (all alike),
        ``"partial"`` (a population, whose spread is a parameter) or ``"none"``.
    weighted : bool
        Whether the program takes weights of centering as data, ``w_centered``: one a
        group, from 0 (non-centered) to 1 (centered).
    predicted : tuple of str
        The parameters that only fits with ``predictive=True`` have.
    exact : ExactForm, optional
        How its posterior is integrated; None where it has too many hyperparameters,
        or groups that depend on each other.
    """

    name: str
    title: str
    formula: str
    kind: str
    parameters: tuple[Parameter, ...]
    defaults: Callable[[Dataset], dict[str, tuple[Prior, str]]]
    estimate: str
    family: str
    reference: str
    pooling: str = "partial"
    ranked: tuple[str, ...] = ()
    example: str = ""
    weighted: bool = False
    predicted: tuple[str, ...] = ()
    exact: ExactForm | None = None

    @property
    def program(self) -> StanProgram:
        """The Stan program on disk."""
        root = stan_root()
        return StanProgram(root / "models" / f"{self.name}.stan", (root / "functions",))

    @property
    def example_data(self) -> str:
        """Name of the bundled dataset that shows the model."""
        return self.example or _EXAMPLES[self.kind]

    @property
    def top_level(self) -> tuple[Parameter, ...]:
        """The parameters that have priors, in the program's order."""
        return tuple(p for p in self.parameters if p.role)

    def record(self) -> dict[str, Any]:
        """Return the entry as JSON-ready data."""
        return {
            "name": self.name,
            "title": self.title,
            "formula": self.formula,
            "kind": self.kind,
            "reference": self.reference,
            "pooling": self.pooling,
            "example": self.example_data,
            "program": str(self.program.file),
            "parameters": [asdict(p) for p in self.parameters],
        }

    @property
    def dims(self) -> dict[str, list[str]]:
        """Labelled dimensions by variable."""
        return {p.name: list(p.dims) for p in self.parameters if p.dims}


def stan_root() -> Path:
    """Return the folder with the Stan programs: packaged, or of the checkout."""
    package = Path(__file__).parents[1]
    packaged = package / "_stan"
    return packaged if packaged.is_dir() else package.parent / "stan"


def program_from_file(path: str | Path) -> StanProgram:
    """Return the program in a ``.stan`` file of the user's.

    Included files are looked up beside it, then in ``functions`` beside its
    folder, then among hbstan's functions.

    Raises
    ------
    ModelError
        If the file does not exist or does not end in ``.stan``.
    """
    file = Path(path).expanduser()
    if file.suffix != ".stan":
        raise ModelError(
            f"{str(path)!r} is not a Stan program: its name must end in .stan."
        )
    if not file.is_file():
        raise ModelError(
            f"there is no file {str(path)!r}.",
            remedy="Give the path of an existing .stan file.",
        )
    file = file.resolve()
    folders = (file.parent, file.parent.parent / "functions", stan_root() / "functions")
    return StanProgram(file, tuple(f for f in folders if f.is_dir()))

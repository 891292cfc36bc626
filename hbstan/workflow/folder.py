"""A workflow's folder: what was asked, and what each stage found."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import StoreError
from hbstan.files import alone_in, atomic_path, write_bytes
from hbstan.sbc.store import difference
from hbstan.text import encode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hbstan.results import Picture

__all__ = ["TABLE", "Folder", "open_folder", "require_same", "write_json"]

#: The file with the data.
TABLE = "data.csv"
_FORMAT = 1
#: Larger clouds of points are drawn as pixels, so many to an inch.
_MOST_POINTS, _DPI = 100, 160
_OTHER = "Use another folder, or repeat the call as it was."


class Folder:
    """Files of one workflow; open one with :func:`open_folder`.

    Parameters
    ----------
    path : pathlib.Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def plan(self) -> dict[str, Any] | None:
        """Return what was asked, or None in a new folder.

        Raises
        ------
        StoreError
            If the file is damaged, or of another format.
        """
        file = self / "plan.json"
        if not file.is_file():
            return None
        try:
            plan: dict[str, Any] = json.loads(file.read_bytes())
            saved = plan.pop("format")
        except (ValueError, KeyError, AttributeError) as err:
            raise StoreError(
                f"{str(file)!r} is damaged or no workflow's plan: {err}.",
                remedy="Restore it, or use another folder.",
            ) from err
        if saved != _FORMAT:
            raise StoreError(
                f"{str(file)!r} has format {saved!r}, but this hbstan reads {_FORMAT}.",
                remedy=_OTHER,
            )
        return plan

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what is asked, before anything is computed."""
        write_json(self / "plan.json", {"format": _FORMAT, **plan})

    def stage(self, key: str) -> dict[str, Any] | None:
        """Return a finished stage's record, or None."""
        file = self._stage_file(key)
        try:
            record: dict[str, Any] = json.loads(file.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as err:
            raise StoreError(
                f"{str(file)!r} is damaged: {err}.",
                remedy="Remove the file: the stage is then repeated.",
            ) from err
        return record

    def write_stage(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a finished stage's record; what belongs to it is written before."""
        write_json(self._stage_file(key), record)

    def forget_stages(self) -> None:
        """Remove the stages' records; simulations are kept."""
        for file in sorted((self / "stages").glob("**/*.json")):
            file.unlink()

    def draw(self, key: str, picture: Picture) -> str:
        """Draw a picture into an SVG file and return its name in the folder.

        The same results give the same bytes.
        """
        import matplotlib as mpl

        from hbstan.plots.save import save

        name = f"figures/{key.replace('/', '-')}-{picture.name}.svg"
        # Text stays text, and identifiers do not depend on chance or time.
        fixed: Any = {"svg.hashsalt": "hbstan", "svg.fonttype": "path"}
        with warnings.catch_warnings(), mpl.rc_context(fixed):
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            figure = picture.draw()
            _flatten_clouds(figure)
            with atomic_path(self / name) as partial:
                save(figure, partial, dpi=_DPI)
        return name

    def _stage_file(self, key: str) -> Path:
        return self / "stages" / f"{key}.json"


def _flatten_clouds(figure: Figure) -> None:
    """Draw large clouds of points as pixels, which take a hundredth of the space."""
    for axes in figure.axes:
        clouds: Any = axes.collections
        for cloud in clouds:
            size = max(len(cloud.get_offsets()), len(cloud.get_paths()))
            if size > _MOST_POINTS:
                cloud.set_rasterized(True)


@contextmanager
def open_folder(path: Path) -> Iterator[Folder]:
    """Open a folder for one workflow, alone, while the body runs.

    Raises
    ------
    StoreError
        If another process works in it, or it cannot be written.
    """
    with alone_in(path, "workflow's folder"):
        yield Folder(path)


def require_same(
    saved: Mapping[str, Any], wanted: Mapping[str, Any], path: Path
) -> None:
    """Refuse a folder whose workflow was asked something else.

    Raises
    ------
    StoreError
        The message names what differs.
    """
    if dict(saved) != json.loads(json.dumps(dict(wanted))):
        raise StoreError(
            f"the folder {str(path)!r} holds another workflow: "
            f"{difference(saved, wanted)}.",
            remedy=_OTHER,
        )


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON, atomically."""
    text = json.dumps(record, indent=2, ensure_ascii=False, default=str)
    write_bytes(path, encode(text + "\n"))

"""A workflow's folder: what was asked, and what each stage found."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import StoreError
from hbstan.files import alone_in, atomic_path
from hbstan.sbc.store import difference
from hbstan.sealed import AGAIN, damaged, digest_of, read_document, write_document

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hbstan.results import Picture

__all__ = ["TABLE", "Folder", "open_folder", "plan_key", "require_same"]

#: The file with the data.
TABLE = "data.csv"
_FORMAT = 1
#: Larger clouds of points are drawn as pixels, so many to an inch.
_MOST_POINTS, _DPI = 100, 160
_OTHER = "Use another folder, or repeat the call as it was."
_NO_PLAN = (
    "Remove it and repeat the command with the seed and the criteria of the folder: "
    "the stages say of which workflow they are, and are kept."
)


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
        plan = read_document(file, _NO_PLAN)
        if plan is None:
            return None
        saved = plan.pop("format", None)
        if saved != _FORMAT or not {"request", "criteria", "amended"} <= set(plan):
            raise StoreError(
                f"{str(file)!r} has format {saved!r}, but this hbstan reads {_FORMAT}.",
                remedy=_OTHER,
            )
        plan.pop("checksum")
        return plan

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what is asked, before anything is computed.

        Raises
        ------
        StoreError
            If stages without a plan are there, and they are of another one.
        """
        file = self / "plan.json"
        if not file.is_file():
            for path in sorted((self / "stages").glob("**/*.json")):
                self._read_stage(path, plan_key(plan))
        write_document(file, {"format": _FORMAT, **plan})

    def stage(self, key: str, plan: str) -> dict[str, Any] | None:
        """Return a finished stage's record, or None where it must be run.

        Parameters
        ----------
        key : str
            The stage.
        plan : str
            :func:`plan_key` of what was asked.

        Raises
        ------
        StoreError
            If the record, or a file that it stands on, is damaged or of another stage
            or workflow. A stage that lacks its record or a file is run again.
        """
        record = self._read_stage(self._stage_file(key), plan)
        if record is None:
            return None
        for name, digest in record["files"].items():
            file = self / name
            try:
                same = digest_of(file) == digest
            except FileNotFoundError:
                return None
            except OSError as err:
                raise damaged(file, f"it cannot be read ({err.strerror})") from err
            if not same:
                raise damaged(file, f"it is not the file that the stage {key} wrote")
        return record

    def _read_stage(self, file: Path, plan: str) -> dict[str, Any] | None:
        record = read_document(file)
        if record is None:
            return None
        if self._stage_file(str(record.get("key"))) != file:
            raise damaged(file, f"it is of the stage {record.get('key')}")
        record.pop("checksum")
        if record.pop("plan", None) != plan:
            raise damaged(
                file,
                "it is of another workflow than is asked for",
                f"{AGAIN} If there are several, repeat the command with the seed and "
                "the criteria of the folder.",
            )
        return record

    def write_stage(self, key: str, plan: str, record: Mapping[str, Any]) -> None:
        """Keep a finished stage's record; what belongs to it is written before."""
        write_document(self._stage_file(key), {**record, "plan": plan})

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Return the digests of files in the folder, by their names."""
        return {name: digest_of(self / name) for name in names}

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


def plan_key(plan: Mapping[str, Any]) -> str:
    """Return the hash of what decides a workflow's results: request and criteria."""
    parts = {name: plan[name] for name in ("request", "criteria", "amended")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

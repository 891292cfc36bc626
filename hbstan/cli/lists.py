"""Commands that show what hbstan brings along: models, datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hbstan.cli.options import Debug, Json, Screen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["datasets", "models"]

#: So many numbers of a truth or a further column are shown; JSON has all.
_MOST_NUMBERS = 30


def models(
    name: Annotated[str | None, typer.Argument(help="Show this model.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the models, or show one with its parameters, priors and program."""
    from hbstan import models as catalogue
    from hbstan.report.lists import list_table, model_lines

    screen = Screen(json, False)
    console = screen.text()
    if name is None:
        entries = [catalogue.get(n) for n in catalogue.names()]
        rows = [(m.name, m.kind, m.title) for m in entries]
        console.print(list_table("Models", ("name", "data", "what it is"), rows))
        screen.result(
            [{"name": m.name, "kind": m.kind, "title": m.title} for m in entries]
        )
        return
    model = catalogue.get(name)
    for line in model_lines(model):
        console.print(line)
    screen.result(model.record())


def datasets(
    name: Annotated[str | None, typer.Argument(help="Show this dataset.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the bundled datasets, or show one with its source."""
    from hbstan import datasets as bundled
    from hbstan.report.lists import dataset_lines, list_table

    screen = Screen(json, False)
    console = screen.text()
    if name is None:
        infos = [bundled.describe(n) for n in bundled.names()]
        rows = [(i.name, i.kind, i.title) for i in infos]
        console.print(list_table("Datasets", ("name", "kind", "what it is"), rows))
        screen.result(
            [{"name": i.name, "kind": i.kind, "title": i.title} for i in infos]
        )
        return
    info = bundled.describe(name)
    about = {
        "name": info.name,
        "title": info.title,
        "source": info.source,
        "doi": info.doi or "",
        "note": info.note,
        "model": info.default_model,
        "priors": ", ".join(f"{k} ~ {v}" for k, v in info.priors.items()),
        "truth": _listing(info.truth),
        **{name: _listing({"": values}) for name, values in info.extra.items()},
    }
    dataset = bundled.load(name)
    short = {
        "truth": _listing(info.truth, _MOST_NUMBERS),
        **{k: _listing({"": v}, _MOST_NUMBERS) for k, v in info.extra.items()},
    }
    for line in dataset_lines(dataset, {**about, **short}):
        console.print(line)
    screen.result({**about, "data": dataset.to_stan(), "labels": list(dataset.labels)})


def _listing(
    values: Mapping[str, float | tuple[float, ...]], most: int | None = None
) -> str:
    """Return named numbers as text; a tuple has one a group, of many the first."""
    return ", ".join(
        " ".join([key, *_numbers(x if isinstance(x, tuple) else (x,), most)])
        for key, x in values.items()
    ).strip()


def _numbers(values: tuple[float, ...], most: int | None) -> list[str]:
    shown = [f"{v:g}" for v in values[:most]]
    cut = len(values) - len(shown)
    return [*shown, f"... ({cut} more)"] if cut else shown

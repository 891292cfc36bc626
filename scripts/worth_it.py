"""Is a hierarchical model worth it? The source's three cases, by points and measured.

Prints a table of ``pooling.md`` in Markdown: the points that the source prints, those
that its own rule gives, and what :func:`hbstan.assess` measures.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown import percent, table

import hbstan as hb


@dataclass(frozen=True)
class Case:
    """What the source says of a case, and its data.

    Parameters
    ----------
    name : str
    groups, smallest : int
        Number of groups, and size of the smallest.
    prior, uncertainty : bool
        Whether there is prior knowledge, and full uncertainty is needed.
    hours : float
        Of computing time.
    expertise : int
    printed : int
        Points.
    data : Dataset
    """

    name: str
    groups: int
    smallest: int
    prior: bool
    uncertainty: bool
    hours: float
    expertise: int
    printed: int
    data: Any

    @property
    def points(self) -> int:
        """The points by the source's rule."""
        many = self.groups > 5
        size = (3 if self.smallest < 50 else 1) if many else 0
        scarce = 2 if self.hours < 0.1 and self.groups > 100 else 0
        novice = 1 if self.expertise < 1 else 0
        return size + 2 * self.prior + 2 * self.uncertainty - scarce - novice


def cases() -> tuple[Case, ...]:
    """Return the cases; the source's third has no counts, these are of a 10 % rate."""
    arms = {"arm": ["A", "B"], "users": [500_000] * 2, "clicks": [50_000, 50_450]}
    ab_test = hb.data.grouped_binomial(
        arms, group="arm", trials="users", events="clicks", name="ab_test"
    )
    load = hb.datasets.load
    return (
        Case("StreamRec", 25, 200, True, True, 1.0, 2, 7, load("streamrec")),
        Case("MediCore", 12, 60, True, True, 2.0, 2, 7, load("pharma")),
        Case("A/B test", 2, 500_000, False, False, 0.01, 1, 0, ab_test),
    )


def main() -> None:
    """Print the table and the arguments, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write pictures to this folder")
    parser.add_argument("--quick", action="store_true", help="changes nothing here")
    options = parser.parse_args()
    rows, words = [], []
    for case in cases():
        found = hb.assess(case.data)
        spread = found.spread.to_dict(orient="index")
        gains = [percent(spread[end]["gain"]) for end in ("upper", "lower")]
        shrinkage = found.groups["shrinkage"]
        rows.append(
            (
                case.name,
                f"{case.printed}",
                f"{case.points}",
                f"{found.tau:.3g} ({found.tau_interval[0]:.3g} to "
                f"{found.tau_interval[1]:.3g})",
                f"{percent(shrinkage.min())} to {percent(shrinkage.max())}",
                f"{percent(found.gain)} ({gains[0]} to {gains[1]})",
                found.verdict,
            )
        )
        lines = "\n".join(f"- {sentence}" for sentence in found.sentences)
        words.append(f"{case.name}:\n\n{lines}")
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            figure = hb.plots.assessment(found)
            figure.savefig(options.out / f"worth_it_{found.data_name}.png", dpi=150)
    head = (
        *("case", "points printed", "points by its rule", "tau (94 %)"),
        *("expected shrinkage", "gain in MSE over tau's interval", "verdict"),
    )
    print(f"### Is it worth it?\n\n{table(head, rows)}\n")
    print("\n\n".join(words))


if __name__ == "__main__":
    main()

"""Write the skeleton of a new model, filled with its name, into a folder.

Four files that work as they are and are to be changed where they say CHANGE: the Stan
program, the catalogue entry, the generator and the tests. contributing.md says what
to do with them.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

SKELETON = Path(__file__).with_name("skeleton")
TOKEN = "new_model"
FILES = {
    "new_model.stan": "stan/models/new_model.stan",
    "new_model_entry.py": "hbstan/models/new_model.py",
    "new_model_generator.py": "hbstan/simulate/new_model.py",
    "test_new_model.py": "tests/stan/test_new_model.py",
}
_LEGAL = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def write(name: str, folder: Path) -> dict[Path, str]:
    """Write the files and return each with its place in the repository.

    Parameters
    ----------
    name : str
        The model's: lower case, digits and single underscores.
    folder : Path
        Made if it does not exist.

    Raises
    ------
    ValueError
        If the name is illegal or taken.
    FileExistsError
        If one of the files is there; nothing is written then.
    """
    from hbstan import models

    if not _LEGAL.fullmatch(name):
        raise ValueError(
            f"the name is {name!r}; legal: lower-case letters, digits and single "
            "underscores, a letter first, e.g. logit_skew."
        )
    if name in models.names():
        raise ValueError(f"the catalogue has a model {name!r}; choose another name.")
    made = {folder / file.replace(TOKEN, name): file for file in FILES}
    for path in made:
        if path.exists():
            raise FileExistsError(f"{path} exists; remove it or choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for path, file in made.items():
        text = (SKELETON / file).read_text(encoding="utf-8")
        path.write_text(text.replace(TOKEN, name), encoding="utf-8")
    return {path: FILES[file].replace(TOKEN, name) for path, file in made.items()}


def main() -> int:
    """Write the files and say where they belong; return 0, or 2 on bad input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the model's name, e.g. logit_skew")
    parser.add_argument("folder", type=Path, help="where to write")
    options = parser.parse_args()
    try:
        made = write(options.name, options.folder)
    except (ValueError, FileExistsError) as error:
        print(error, file=sys.stderr)
        return 2
    for path, place in made.items():
        print(f"{path}  ->  {place}")
    print(f"Try them: python -m pytest {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

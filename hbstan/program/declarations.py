"""A program's declarations, by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from hbstan.errors import ModelError
from hbstan.includes import Expanded, expanded
from hbstan.program.types import Type

if TYPE_CHECKING:
    from lark import Lark

    from hbstan.types import StanProgram

__all__ = ["Declaration", "Declared", "Type", "declared"]

#: Programs whose declarations are remembered.
_MOST = 64


@dataclass(frozen=True)
class Declaration:
    """A variable that a block declares.

    Parameters
    ----------
    name : str
    type : Type
    place : tuple of (str, int)
        File and line.
    """

    name: str
    type: Type
    place: tuple[str, int] = ("", 0)

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


@dataclass(frozen=True)
class Declared:
    """Everything that a program declares outside of its functions and local scopes.

    Parameters
    ----------
    data, transformed_data, parameters, transformed_parameters, generated_quantities : \
tuple of Declaration
        By block, in order.
    without_generated_quantities : str
        The program's text, included files in their places, up to and without that
        block.
    rejections : tuple of (str, int, tuple of str)
        File and line of each ``reject`` and ``fatal_error``, and the texts in it.
    """

    data: tuple[Declaration, ...] = ()
    transformed_data: tuple[Declaration, ...] = ()
    parameters: tuple[Declaration, ...] = ()
    transformed_parameters: tuple[Declaration, ...] = ()
    generated_quantities: tuple[Declaration, ...] = ()
    without_generated_quantities: str = ""
    rejections: tuple[tuple[str, int, tuple[str, ...]], ...] = ()

    def where(self, message: str) -> tuple[str, int] | None:
        """Return file and line of what an engine's message is about, if it is clear.

        Parameters
        ----------
        message : str
            Of an engine that does not say where: the text of a ``reject``, or that a
            datum ``is -1, but must be ...``.
        """
        found = {
            (file, line)
            for file, line, texts in self.rejections
            if any(texts) and all(text in message for text in texts)
        }
        found |= {d.place for d in self.data if _speaks_of(message, d.name)}
        return found.pop() if len(found) == 1 else None

    @property
    def outputs(self) -> dict[str, Type]:
        """The variables that a draw holds, by name."""
        blocks = (
            self.parameters,
            self.transformed_parameters,
            self.generated_quantities,
        )
        return {d.name: d.type for block in blocks for d in block}

    @property
    def inputs(self) -> dict[str, Type]:
        """The data, by name."""
        return {d.name: d.type for d in self.data}

    @property
    def priors(self) -> tuple[str, ...]:
        """The parameters whose priors are data: ``X`` for a datum ``prior_X_args``."""
        names = [d.name for d in self.data]
        return tuple(
            name.removeprefix("prior_").removesuffix("_args")
            for name in names
            if name.startswith("prior_") and name.endswith("_args")
        )


def declared(program: StanProgram) -> Declared:
    """Return what a program declares.

    Parameters
    ----------
    program : StanProgram
        One that compiles: of others nothing is promised.

    Raises
    ------
    CompileError
        If it, or a file that it includes, cannot be read.
    ModelError
        If the grammar does not cover it.
    """
    return _read(expanded(program.file, program.include_paths))


@lru_cache(maxsize=_MOST)
def _read(source: Expanded) -> Declared:
    from lark.exceptions import UnexpectedInput

    text = source.text
    try:
        tree: Any = _parser().parse(text)
    except UnexpectedInput as err:
        file, line = source.place(max(err.pos_in_stream or 0, 0))
        raise ModelError(
            f"the declarations of {file} cannot be read: line {line} is not as "
            f"expected:\n{err.get_context(text)}",
            remedy="If the program compiles, this is a fault of hbstan: report it.",
        ) from err
    blocks: dict[str, tuple[Declaration, ...]] = {}
    rest = text
    for block in tree.find_data("block"):
        kind = "_".join(block.children[0].children)
        blocks[kind] = tuple(_declarations(block, source))
        if kind == "generated_quantities":
            rest = text[: block.meta.start_pos]
    blocks.pop("model", None)
    rejections = tuple(_rejection(node, source) for node in tree.find_data("rejection"))
    return Declared(**blocks, without_generated_quantities=rest, rejections=rejections)


def _speaks_of(message: str, name: str) -> bool:
    """Whether a message says of a datum, or one of its elements, what it is."""
    said = message.split(" is ")[:-1]
    subjects = [x[: x.rfind("[")] if x.endswith("]") else x for x in said]
    return any(subject.split()[-1:] == [name] for subject in subjects)


def _rejection(node: Any, source: Expanded) -> tuple[str, int, tuple[str, ...]]:
    strings = node.scan_values(lambda token: token.type == "STRING")
    file, line = source.place(node.meta.start_pos)
    return file, line, tuple(str(token)[1:-1] for token in strings)


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark.open(
        "stan.lark", rel_to=__file__, parser="lalr", propagate_positions=True
    )


def _declarations(block: Any, source: Expanded) -> Iterator[Declaration]:
    for statement in block.children[1:]:
        if getattr(statement, "data", None) == "declaration":
            kind, *declarators = statement.children
            for declarator in declarators:
                name = declarator.children[0]
                place = source.place(name.start_pos)
                yield Declaration(str(name), _type(kind, source.text), place)


def _type(node: Any, text: str) -> Type:
    parts = [c for c in node.children if getattr(c, "data", None) != "constraint"]
    if node.data == "tuple":
        return Type("tuple", parts=tuple(_type(part, text) for part in parts))
    if node.data == "array":
        sizes, inner = parts
        of = _type(inner, text)
        array = (*_sizes(sizes, text), *of.array)
        return Type(of.name, array, of.sizes, of.constraint, of.parts)
    name, *sizes = parts
    found = [c for c in node.children if getattr(c, "data", None) == "constraint"]
    constraint = _text(found[0], text)[1:-1].strip() if found else ""
    own = tuple(x for s in sizes for x in _sizes(s, text))
    return Type(str(name), (), own, constraint)


def _sizes(node: Any, text: str) -> tuple[str, ...]:
    return tuple(_text(size, text) for size in node.children)


def _text(node: Any, text: str) -> str:
    return text[node.meta.start_pos : node.meta.end_pos].strip()

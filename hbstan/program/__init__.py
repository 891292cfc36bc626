"""What a Stan program declares, read by a grammar and not by its compiler.

Of the engines' compilers one tells no names of sizes, the other keeps its account to
itself; the declarations are here read once, in the same way for every engine.
"""

from __future__ import annotations

from hbstan.program.declarations import Declaration, Declared, Type, declared
from hbstan.program.matching import fitted, matched

__all__ = ["Declaration", "Declared", "Type", "declared", "fitted", "matched"]

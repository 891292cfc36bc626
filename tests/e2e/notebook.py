"""Run a notebook, kept as text, in a kernel of this interpreter.

``python notebook.py TEXT IPYNB`` leaves the executed notebook in IPYNB and returns 1
if a cell raised. A process of its own keeps Jupyter's sockets, event loop and warnings
out of the tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

#: Seconds that one cell may take on a busy machine.
PATIENCE = 300


def main(text: Path, target: Path) -> int:
    notebook = jupytext.read(text)
    # Without folders to look in, the only kernel is ipykernel of this interpreter.
    specs = KernelSpecManager(kernel_dirs=[])
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
    assert manager.kernel_spec.argv[0] == sys.executable
    folder = {"metadata": {"path": str(target.parent)}}
    client = NotebookClient(notebook, timeout=PATIENCE, km=manager, resources=folder)
    try:
        client.execute()
    except CellExecutionError as err:
        print(err, file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))

"""`rdc api`: pages of every public function and class, made from the docstrings by pdoc."""

from __future__ import annotations

import sys
from pathlib import Path

import rdc_kit

from ..ground import files
from ..ground.folders import PACKAGE, data_dir


def write_api(out: Path | None = None) -> int:
    """Write the pages; they open from disk, without a server or a network.

    Args:
        out: folder; data/api of the home when left out. Older pages there are replaced.

    Returns:
        0, or 1 when pdoc is not installed.
    """
    try:
        import pdoc
    except ImportError:
        print("api: the pages are made by pdoc: `pip install pdoc` first", file=sys.stderr)
        return 1
    for name in rdc_kit.__all__:  # pdoc reads what is there already
        getattr(rdc_kit, name)
    out = (out or data_dir() / "api").resolve()
    pdoc.render.configure(docformat="google", show_source=False, search=True)
    with files.atomic_path(out) as part:
        pdoc.pdoc("rdc_kit", *_modules(), output_directory=part)
    print(f"api: {len(_modules())} modules, open {out / 'index.html'}")
    return 0


def _modules() -> list[str]:
    """Every module of the package but the command line, as pdoc takes them."""
    paths = sorted(p.relative_to(PACKAGE.parent) for p in PACKAGE.rglob("*.py"))
    parts = [
        path.with_suffix("").parts for path in paths if path.stem not in ("__init__", "__main__")
    ]
    return [".".join(words) for words in parts]

"""`python -m tests.faults [--every N] [--act NAME ...] [--out CSV]`: the table of all faults."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

from .acts import ACTS, UNSAFE
from .harness import campaign
from .notebook_runs import disturbed_runs


def main() -> int:
    """Try everything, print the table; 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each so many operations")
    parser.add_argument("--act", nargs="+", default=[], help="only these")
    parser.add_argument("--kills", type=int, default=0, help="moments to kill a notebook run at")
    parser.add_argument("--out", type=Path, help="write the table here, as csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    asked = [act for act in [*ACTS, UNSAFE] if act.name in options.act]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for k, act in enumerate(asked or ACTS):
            began = time.monotonic()
            for row in campaign(act, Path(folder) / str(k), options.every):
                found.append(row)
                told = f"{row['tried']:4} tried, {row['lost']} lost"
                print(f"{row['act']:16} {row['fault']:28} {told}  {row['first']}", flush=True)
            print(f"{act.name:16} {time.monotonic() - began:.0f} s", flush=True)
        if options.kills:
            found.append(disturbed_runs(Path(folder) / "runs", options.kills))
            print(*found[-1].values(), flush=True)
    table = pd.DataFrame(found)
    print(f"faults: {table['tried'].sum()} tried, {table['lost'].sum()} lost")
    if options.out:
        table.to_csv(options.out, index=False)
    return int(table["lost"].sum() > 0)


if __name__ == "__main__":
    raise SystemExit(main())

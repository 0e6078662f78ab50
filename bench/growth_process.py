"""The process in which the growth probe runs, with the product's environment and settings.

`python -m bench.growth_process USER_ID TURNS ROWS OUTPUT`, the key in BENCH_KEY: writes JSON.
"""

import json
import os
import sys
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()
    from bench.growth_probe import probe_ledger  # the models need the line above

    medians = probe_ledger(
        key=os.environ["BENCH_KEY"],
        user_id=sys.argv[1],
        turns=int(sys.argv[2]),
        rows=int(sys.argv[3]),
    )
    Path(sys.argv[4]).write_text(json.dumps(medians))

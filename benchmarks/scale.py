"""Does it hold at full size? Effects from 10⁸ rows on disk, and top-10 lists of a million users, in bounded memory.

python benchmarks/scale.py            # about 3 GB of temporary files, several minutes
python benchmarks/scale.py --quick    # 10⁶ rows
"""

from __future__ import annotations

import _scale_rows
import _scale_topn
from _table import Row, main


def measure(quick: bool) -> list[Row]:
    return [*_scale_rows.rows(quick), *_scale_topn.rows(quick)]


if __name__ == "__main__":
    main("scale", measure, packages=("numpy", "pandas", "pyarrow", "torch", "faiss-cpu", "implicit"))

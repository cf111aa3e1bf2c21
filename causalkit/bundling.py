"""Everything that a run found, as a folder or a zip that opens without causalkit.

Names of files are ours, never the data's. The same run gives the same bytes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from causalkit.errors import StoreError, UsageError
from causalkit.exporting import check_destination, write_table
from causalkit.sheets import graph_document, sheets, vectors
from causalkit.store.atomic import replacing

if TYPE_CHECKING:
    from causalkit.run_handle import Run
    from causalkit.types import Dataset

__all__ = ["Bundle", "bundle"]

Format = Literal["parquet", "csv", "json"]
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip: the earliest that a zip can say."""
_OTHER_ARCHIVES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_KEPT = {
    "config.yaml": "the config, defaults filled in: `causalkit run config.yaml` repeats the run",
    "manifest.json": "status, versions, seed, fingerprint of the data, seconds of each step",
    "report.html": "the report, for a browser; it loads nothing from elsewhere",
}


@dataclass
class Bundle:
    """What was exported: where to, and each file with what it is and what its columns are."""

    path: Path
    run: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)


def bundle(run: Run, path: Path, sort: Format = "parquet") -> Bundle:
    """Write everything that `run` found to `path`: a zip where it ends in `.zip`, else a folder.

    Tables are written as `sort` (see `causalkit.exporting`), vectors always as Parquet. `index.json`
    and `README.md` say what each file and column is.

    Raises
    ------
    UsageError : a folder that is there and not empty, or an archive other than a zip.
    StoreError : `path` cannot be written; nothing half-written stays.
    """
    is_zip = path.suffix.lower() == ".zip"
    if path.suffix.lower() in _OTHER_ARCHIVES:
        raise UsageError(f"{path} ends in {path.suffix!r}", "Name a folder, or a file that ends in .zip.")
    if is_zip:
        check_destination(path)
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is already there", "Name a folder that is not, or remove it first.")
    try:
        with tempfile.TemporaryDirectory(prefix=".causalkit-", dir=path.absolute().parent) as place:
            folder = Path(place) / "files"
            folder.mkdir()
            made = _filled(run, folder, path, sort)
            if is_zip:
                with replacing(path.resolve()) as temporary:
                    _zip(folder, temporary)
            else:
                folder.replace(path)
            return made
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}", "Free space there, or choose another place."
        ) from error


def _filled(run: Run, folder: Path, path: Path, sort: Format) -> Bundle:
    made = Bundle(path, run.id)
    dataset: Dataset | None = run.dataset  # a run that failed at once has none
    units = dataset.schema.words.units if dataset is not None else ""
    for sheet in sheets(run):
        name = f"{sheet.name}.{sort}"
        write_table([sheet.rows], folder / name)
        made.files[name] = {"what": sheet.what, "rows": len(sheet.rows), "columns": sheet.columns(units)}
    for name, what, rows in vectors(run):
        rows.to_parquet(folder / f"{name}.parquet", index=False)
        columns = {str(rows.columns[0]): "the id", "vector": "float32 numbers"}
        made.files[f"{name}.parquet"] = {"what": what, "rows": len(rows), "columns": columns}
    for name, what, text in _texts(run):
        (folder / name).write_text(text, encoding="utf-8")
        made.files[name] = {"what": what}
    for name, what in _KEPT.items():
        if (run.path / name).is_file():
            shutil.copyfile(run.path / name, folder / name)
            made.files[name] = {"what": what}
    index = {"schema_version": 1, "run": run.id, "name": run.config.name, "files": made.files}
    (folder / "index.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(made), encoding="utf-8")
    return made


def _texts(run: Run) -> Iterator[tuple[str, str, str]]:
    """Name, what it is, and text of each file that is no table."""
    if run.estimands and run.effects is not None:
        told = {"estimands": [asdict(e) for e in run.estimands], "assumptions": run.effects.assumptions}
        text = json.dumps({"schema_version": 1, **told}, indent=1, ensure_ascii=False, default=str) + "\n"
        yield "estimands.json", "what was asked: treatment, outcome, adjustment; what the numbers assume", text
    if run.graph is not None:
        document = json.dumps(graph_document(run), indent=1, ensure_ascii=False) + "\n"
        yield "graph.json", "the causal graph: nodes with tiers, edges with confidence and evidence", document
        yield "graph.gml", "the same for networkx, Gephi and others", run.graph.to_gml() + "\n"
        yield "graph.dot", "the same for Graphviz", run.graph.to_dot()


def _readme(made: Bundle) -> str:
    lines = [
        f"# Run {made.run}",
        "",
        "What a run of causalkit found. `index.json` says the same for programs. In CSV a text that a spreadsheet",
        "would take for a formula has a `'` before it (`causalkit.exporting.unguarded` takes it off).",
    ]
    for name, told in made.files.items():
        rows = f" ({told['rows']} rows)" if "rows" in told else ""
        lines += ["", f"**{name}**{rows}: {told['what']}"]
        lines += [f"- `{column}`: {words}" for column, words in told.get("columns", {}).items()]
    return "\n".join(lines) + "\n"


def _zip(folder: Path, path: Path) -> None:
    """The files of a folder, by name, without times."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(file.name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as target, file.open("rb") as source:
                shutil.copyfileobj(source, target)

"""Does somebody teach the model? Two signs in the new rows that a person should look at before they are learnt from.

One unit suddenly brings most of the rows; or rows whose labels are known for good – canaries, sent through the same
labelling as all others – come back with another label.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gradino.errors import DataError
from gradino.operate.project import Project

FLIPS = 0.05  # of the canaries that came back; a labeller errs, too
_MORE = 2.0  # times the share it had: a project of one unit, or of one large one, is no suspicion


def suspicions(project: Project, new: pa.Table, known: pa.Table) -> list[str]:
    """One sentence for each sign, none for clean rows. `new`: the rows since the last training; `known`: those before.

    Raises DataError where the canaries' file cannot be read or lacks a column.
    """
    settings, identity = project.retraining, project.project
    found = _one_unit(new, known, identity.unit, settings.max_share) if identity.unit else []
    if settings.canary:
        found += _flipped(new, _canaries(project.root / settings.canary, new, identity.target), project)
    return found


def _one_unit(new: pa.Table, known: pa.Table, unit: str, most: float) -> list[str]:
    counts = new.group_by(unit).aggregate([([], "count_all")]).sort_by([("count_all", "descending")])
    if not len(counts):
        return []
    name, share = counts[unit][0], counts["count_all"][0].as_py() / len(new)
    before = (pc.sum(pc.equal(known[unit], name)).as_py() or 0) / max(len(known), 1)
    if share <= max(most, _MORE * before):
        return []
    return [f"{unit} {name} brought {share:.0%} of the new rows, {before:.0%} of those before"]


def _flipped(new: pa.Table, canaries: pa.Table, project: Project) -> list[str]:
    """A canary is known again by all its columns but time and target."""
    target = project.project.target
    inputs = [name for name in canaries.column_names if name not in (target, project.project.time)]
    truth = canaries.select([*inputs, target]).rename_columns([*inputs, "truth"])
    back = new.select([*inputs, target]).join(truth, inputs, join_type="inner")
    flips = pc.sum(pc.not_equal(back[target], back["truth"])).as_py() or 0
    if flips <= FLIPS * len(back):
        return []
    return [
        f"{flips} of the {len(back)} canaries among the new rows have another label than in {project.retraining.canary}"
    ]


def _canaries(path: Path, new: pa.Table, target: str) -> pa.Table:
    try:
        read = pa.csv.read_csv(path)
        both = {*new.column_names} & {*read.column_names}
        absent = [name for name in (*read.column_names, target) if name not in both]
        if absent:
            raise DataError(
                f"{path}: `{absent[0]}` is not a column of both the canaries and the data",
                "the file has columns of the data, the target among them",
            )
        return pa.table({name: read[name].cast(new[name].type) for name in read.column_names})
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"the canaries cannot be read: {error}", f"write {path} or mend it, or remove `canary`"
        ) from None

"""Agreement of `gradino assess` with the hand labels in tests/measure/data/labels.toml.

    python benchmarks/measure_agreement.py FOLDER

FOLDER holds clones (bare or not) of the labelled repositories as owner+name, owner+name/repo or owner/name.
Prints each disagreement, then agreement by track, precision and recall of each rung, agreement by batch (of all
labels, and of those on which two careful readers would not differ), the total and the baseline.
"""

import collections
import sys
import tomllib
from pathlib import Path

from gradino.errors import EvidenceError
from gradino.measure import assess

LABELS = Path(__file__).parents[1] / "tests" / "measure" / "data" / "labels.toml"


def place(folder: Path, name: str) -> Path | None:
    """Where a repository lies under the folder, if it does."""
    joined = name.replace("/", "+")
    return next((p for p in (folder / joined / "repo", folder / joined, folder / name) if p.is_dir()), None)


def main(folder: Path, only: str = "") -> None:
    """Measure every labelled repository that is there and compare."""
    labels = tomllib.loads(LABELS.read_text(encoding="utf-8"))
    tracks: list[str] = labels["tracks"]
    right: collections.Counter[str] = collections.Counter()
    pairs: list[tuple[str, int, int]] = []
    batches: dict[str, list[tuple[bool, bool]]] = {}
    for repository in labels["repository"]:
        path = place(folder, repository["name"])
        if path is None or only not in repository["name"]:
            continue
        try:
            found = assess(path, rev=repository["commit"])
        except EvidenceError as error:
            print(f"{repository['name']}: {error.what}")
            continue
        wrong = []
        for track, label in zip(tracks, repository["levels"], strict=True):
            said = found.track(track).level.wired
            pairs.append((track, label, said))
            right[track] += said == label
            certain = track.partition(".")[2] not in repository.get("arguable", ())
            batches.setdefault(repository.get("batch", "first 27"), []).append((said == label, certain))
            if said != label:
                wrong.append(f"{track.split('.')[1]} {label}->{said}")
        print(f"{repository['name']}: {len(tracks) - len(wrong)}/{len(tracks)}  {', '.join(wrong)}")
    if not pairs:
        sys.exit("No labelled repository lies there.")
    count = len(pairs) // len(tracks)
    print("\ntrack                              agree   rung: precision recall")
    for track in tracks:
        mine = [(label, said) for t, label, said in pairs if t == track]
        rungs = []
        for level in sorted({x for pair in mine for x in pair}):
            hit = sum(label == said == level for label, said in mine)
            named, real = sum(said == level for _, said in mine), sum(label == level for label, _ in mine)
            rungs.append(f"{level}: {_share(hit, named)} {_share(hit, real)}")
        print(f"{track:34} {right[track]:2}/{count}   {'   '.join(rungs)}")
    print("\nbatch        all labels            without arguable ones")
    for batch, judged in batches.items():
        clear = [hit for hit, sure in judged if sure]
        every = [hit for hit, _ in judged]
        print(f"{batch:10} {_of(every):20}  {_of(clear)}")
    commonest = {t: collections.Counter(x for n, x, _ in pairs if n == t).most_common(1)[0][1] for t in tracks}
    agreed = sum(label == said for _, label, said in pairs)
    high = sum(said > label for _, label, said in pairs)
    low = len(pairs) - agreed - high
    print(f"\nagreement {agreed}/{len(pairs)} = {agreed / len(pairs):.1%}   too high {high}, too low {low}")
    print(f"baseline, each track's commonest level: {sum(commonest.values()) / len(pairs):.1%}")


def _of(hits: list[bool]) -> str:
    return f"{sum(hits)}/{len(hits)} = {sum(hits) / max(len(hits), 1):.1%}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:4.0%}" if whole else "   –"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")

"""Time and memory of one assessment, and how the time grows with files.

    python benchmarks/measure_speed.py

Makes repositories of 500, 1,000 and 2,000 files with 1,000 commits and measures each in a fresh process on one core;
then fifty small projects in one portfolio. Promised: 2,000 files and 1,000 commits under 2 s and 200 MB. The fourth
line is harder: a hundred of the 2,000 files are dense, with the calls and the length of real training code.

Each time stands beside the least that any reader needs in the same interpreter: start it, take every blob out of git
(`git cat-file --batch`) and parse every Python file into a syntax tree (`ast.parse`), with nothing done to the trees.
Processor time, so that other work on the machine disturbs little; best of three.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pygit2

PROBE = """
import json, resource, sys, time
from pathlib import Path
before = time.perf_counter()
from gradino.measure import assess
assess(Path(sys.argv[1]))
used = resource.getrusage(resource.RUSAGE_SELF)
cpu = used.ru_utime + used.ru_stime
print(json.dumps({"wall": time.perf_counter() - before, "cpu": cpu, "mb": used.ru_maxrss // 1024}))
"""

# The same blobs and the same syntax trees, and nothing else.
LEAST = """
import json, resource, subprocess, sys, time
import ast
names = subprocess.run(["git", "-C", sys.argv[1], "ls-tree", "-r", "--format=%(objectname) %(path)", "HEAD"],
                       capture_output=True, check=True).stdout.decode().splitlines()
wanted = "\\n".join(n.split(" ", 1)[0] for n in names).encode()
git = ["git", "-C", sys.argv[1], "cat-file", "--batch"]
out = subprocess.run(git, input=wanted, capture_output=True, check=True).stdout
at = 0
for name in names:
    end = out.index(b"\\n", at)
    size = int(out[at:end].rsplit(b" ", 1)[1])
    if name.endswith(".py"):
        ast.parse(out[end + 1 : end + 1 + size])
    at = end + 2 + size
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"cpu": sum(u.ru_utime + u.ru_stime for u in used)}))
"""


def dense(number: int) -> bytes:
    """A file like those of real projects: classes, tracking, data frames, many calls, little that repeats."""
    head = "import mlflow\nimport pandas as pd\nfrom sklearn.metrics import mean_absolute_error\n\n"
    steps = "".join(
        f'''
class Step{k}:
    """Prepare part {k} of the features and fit what depends on them."""

    def __init__(self, config):
        self.config = dict(config, window={k + number}, lag=config.get("lag_{k}", 24))

    def run(self, frame: pd.DataFrame, target: str = "rentals") -> dict[str, float]:
        frame = frame.assign(rolled=frame[target].rolling(self.config["window"]).mean().fillna(0.0))
        train, test = frame[frame["hour"] < {k * 7}], frame[frame["hour"] >= {k * 7}]
        with mlflow.start_run(run_name=f"step-{k}-{{self.config['lag']}}"):
            model = self.estimator(train.drop(columns=[target]), train[target], depth={k + 2})
            error = mean_absolute_error(test[target], model.predict(test.drop(columns=[target])))
            mlflow.log_metrics({{"mae_{k}": error, "rows": float(len(test))}})
            if error > self.config.get("worst", 12.0):
                raise ValueError(f"step {k}: {{error:.2f}} is worse than {{self.config['worst']}}")
        return {{"error": error, "share": round(len(test) / max(len(frame), 1), 3)}}
'''
        for k in range(5)
    )
    return (head + steps).encode()


def make(root: Path, files: int, commits: int, dense_files: int = 0) -> None:
    """A repository of mostly Python, some of it about models, with workflows, manifests and notebooks."""
    repository = pygit2.init_repository(str(root), bare=True)
    who = pygit2.Signature("Ada", "ada@example.org", 1_700_000_000, 0)
    tree: dict[str, bytes] = {}
    for i in range(files):
        folder = f"pkg{i % 40}"
        if i % 50 == 0:
            tree[f".github/workflows/w{i}.yml"] = (
                f"on:\n  push:\njobs:\n  j:\n    steps:\n      - run: python {folder}/m{i + 1}.py\n".encode()
            )
        elif i % 50 == 1:
            body = "import mlflow\nfrom sklearn.linear_model import Ridge\n" + "\n".join(
                f"def f{k}(x):\n    return x + {k}\n" for k in range(15)
            )
            tree[f"{folder}/m{i}.py"] = f"{body}\nRidge().fit(a, b)\nmlflow.log_metric('m', 1)\n".encode()
        elif i % 50 == 2:
            tree[f"k8s/d{i}.yaml"] = (
                b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 2}\n"
            )
        else:
            tree[f"{folder}/m{i}.py"] = (
                f"import pkg{(i + 1) % 40}.m{i - 1}\n"
                + "\n".join(f"def f{k}(x):\n    return x + {k}\n" for k in range(25))
            ).encode()
    tree |= {f"pkg{i % 40}/dense{i}.py": dense(i) for i in range(dense_files)}
    parents: list[pygit2.Oid] = []
    first = _write(repository, tree)
    for number in range(commits - 1):
        parents = [repository.create_commit("HEAD", who, who, f"Change {number}", first, parents)]
    repository.create_commit("HEAD", who, who, "Last", _write(repository, tree | {"CHANGES": b"last"}), parents)


def _write(repository: pygit2.Repository, files: dict[str, bytes]) -> pygit2.Oid:
    index = pygit2.Index()
    for path, data in files.items():
        index.add(pygit2.IndexEntry(path, repository.create_blob(data), pygit2.enums.FileMode.BLOB))
    return index.write_tree(repository)


def probe(path: Path, program: str = PROBE) -> dict[str, float]:
    """One assessment, or the least of it, in a process of its own, pinned to one core where the system allows it."""
    pin = (lambda: os.sched_setaffinity(0, {0})) if hasattr(os, "sched_setaffinity") else None
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, preexec_fn=pin
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print one line per size, then the portfolio."""
    with tempfile.TemporaryDirectory() as folder:
        for files, heavy in ((500, 0), (1000, 0), (2000, 0), (1900, 100)):
            root = Path(folder) / f"{files}-{heavy}"
            make(root, files, 1000, heavy)
            best = min((probe(root) for _ in range(3)), key=lambda x: x["cpu"])
            least = min(probe(root, LEAST)["cpu"] for _ in range(3))
            print(
                f"{files} files and {heavy} dense ones, 1000 commits: {best['cpu']:.2f} s of one core "
                f"({best['wall']:.2f} s by the clock), {best['mb']} MB; "
                f"{best['cpu'] / least:.1f} times the {least:.2f} s of reading and parsing alone"
            )
        roots = []
        for i in range(50):
            root = Path(folder) / f"p{i}"
            make(root, 100, 20)
            roots.append(root)
        from gradino.measure import portfolio

        before = time.perf_counter()
        portfolio.measure([(root, "") for root in roots])
        print(f"50 projects of 100 files: {time.perf_counter() - before:.2f} s on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()

"""Requests a second of the scoring server, beside six others and a bare echo.

    python benchmarks/serving/throughput.py [--seconds 1.5] [--rounds 3] [--no-peers] [--json FILE] [--plot FILE.svg]

All have the same model, StandardScaler → HistGradientBoosting(100) on 12 features, and one worker. All run at the same
time and are asked in turns, so that whatever else the machine does meets them alike; the client takes its share of the
same cores. Shown: median over the rounds, and the lowest and highest; and the CPU time of a server's processes for one
request, which suffers less from what else the machine does. Peers get environments of their own, made once with uv
below `--cache`; one that cannot be installed or started is listed as such.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import peers
import pyarrow as pa
from load import Load, drive
from project import FEATURES, fit, free_port, make_bundle, make_project

from gradino.operate.store.state import deployments, versions

HERE = Path(__file__).parent
ECHO = "echo"
OURS = [f"gradino {evaluator} {log}" for evaluator in ("compiled", "python") for log in ("durable", "buffered")]
OURS.append("gradino compiled unlogged")
JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
START = 180.0  # seconds until all of them answer: twelve at once on few cores


@dataclass(frozen=True)
class Scenario:
    """What is asked of all servers."""

    title: str
    rows: int
    connections: int


@dataclass(frozen=True)
class Seen(Load):
    """`cpu`: microseconds of the server's processes for one request."""

    cpu: float


SCENARIOS = [Scenario("1 row", 1, 64), Scenario("1 row", 1, 1), Scenario("100 rows", 100, 16)]


@dataclass
class Server:
    """One that runs. `absent` says why it does not."""

    name: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    absent: str = ""
    log: Path = field(default_factory=Path)


def sent(name: str, rows: int) -> list[tuple[str, str, bytes, str]]:
    """The ways in which a server is asked: label, path, body, content type."""
    given = [{name: round(0.05 * i + 0.1, 3) for i, name in enumerate(FEATURES)}] * rows
    peer = peers.PEERS.get(name)
    body = json.dumps(peer.body(given) if peer else {"rows": given}).encode()
    ways = [(name, peer.path if peer else "/v1/score", body, JSON)]
    if name.startswith("gradino compiled") and rows > 1:
        sink = pa.BufferOutputStream()
        table = pa.Table.from_pandas(pd.DataFrame(given), preserve_index=False)
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        ways.append((f"{name}, Arrow", "/v1/score", sink.getvalue().to_pybytes(), ARROW))
    return ways


@contextlib.contextmanager
def running(root: Path, cache: Path, with_peers: bool) -> Iterator[list[Server]]:
    """All servers; ended afterwards."""
    store = make_project(root)
    bundle = make_bundle(root, 1)
    store.state.add(versions, number=1, run="1", bundle=bundle.name, status="champion")
    for name in OURS:
        row = {"environment": name.replace(" ", "-"), "champion": 1, "challenger": None, "weight": 0.0}
        store.state.add(deployments, reason="benchmark", **row)
    model = root / "model.joblib"
    joblib.dump(fit(1)[0], model)
    servers: list[Server] = []
    try:
        for name in [ECHO, *OURS, *(peers.PEERS if with_peers else ())]:
            server = Server(name, free_port(), log=root / f"{name}.log")
            servers.append(server)
            start(server, root, model, cache)
        for server in servers:
            wait(server)
            print(f"{server.name}: {server.absent or 'runs'}", file=sys.stderr)
        yield servers
    finally:
        for server in servers:
            end(server)
        store.state.close()


def start(server: Server, root: Path, model: Path, cache: Path) -> None:
    """Run a server, or say in `absent` why it cannot be installed."""
    name, port = server.name, str(server.port)
    try:
        if name == ECHO:
            command = [sys.executable, str(HERE / "peers" / "echo.py"), port]
        elif name in OURS:
            _, evaluator, log = name.split()
            place = [str(root), name.replace(" ", "-")]
            command = [sys.executable, str(HERE / "ours.py"), *place, port, log, evaluator]
        else:
            command = [*peers.command(name, cache), port, str(model)]
    except subprocess.CalledProcessError as error:
        server.absent = f"cannot be installed: {last_line(error.stderr)}"
        return
    single = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    with server.log.open("wb") as log:
        server.process = subprocess.Popen(command, env=single, stdout=log, stderr=log, start_new_session=True)


def wait(server: Server) -> None:
    """Until a server answers; where it does not, say why in `absent`."""
    if not server.process:
        return
    _, path, body, kind = sent(server.name, 1)[0]
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError):
            seen = drive(server.port, path, body, 1, 1.0, kind)
            if seen.per_second and not seen.failed:
                return
        time.sleep(0.5)
    server.absent = f"does not answer: {last_line(server.log.read_text())}"
    end(server)


def end(server: Server) -> None:
    """The whole session of a server."""
    if not server.process:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(10)
    server.process = None


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:200]


def spent(server: Server) -> float:
    """CPU seconds of all processes of a server's session."""
    assert server.process
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == server.process.pid:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(servers: list[Server], scenario: Scenario, seconds: float, rounds: int) -> dict[str, list[Seen]]:
    """One unmeasured round, then `rounds` in turns."""
    seen: dict[str, list[Seen]] = {}
    asked = [(server, way) for server in servers if not server.absent for way in sent(server.name, scenario.rows)]
    for number in range(rounds + 1):
        for server, (label, path, body, kind) in asked:
            before = spent(server)
            load = drive(server.port, path, body, scenario.connections, seconds if number else seconds / 3, kind)
            if number:
                cpu = (spent(server) - before) / max(load.per_second * seconds, 1)
                seen.setdefault(label, []).append(Seen(**asdict(load), cpu=cpu * 1e6))
    return seen


def table(scenario: Scenario, seen: dict[str, list[Seen]]) -> list[dict[str, Any]]:
    """One line for each server, ready for a table or a plot. `times` is what it does of the fastest peer."""
    rates = {name: statistics.median(load.per_second for load in loads) for name, loads in seen.items()}
    best = max((rate for name, rate in rates.items() if name in peers.PEERS), default=float("nan"))
    return [
        {
            "case": f"{scenario.title}, {scenario.connections} connection{'s' * (scenario.connections > 1)}",
            "server": name,
            "requests/s": rates[name],
            "lowest": min(load.per_second for load in loads),
            "highest": max(load.per_second for load in loads),
            "times": rates[name] / best,
            "of echo": rates[name] / rates[ECHO],
            "p50 ms": statistics.median(load.p50 for load in loads),
            "p99 ms": statistics.median(load.p99 for load in loads),
            "CPU µs": statistics.median(load.cpu for load in loads),
            "failed": sum(load.failed for load in loads),
        }
        for name, loads in seen.items()
    ]


def show(lines: list[dict[str, Any]], absent: list[Server]) -> None:
    """Two tables as docs/serving.md has them: what was seen, and what it is of the fastest peer and of the echo."""
    cases = list(dict.fromkeys(line["case"] for line in lines))
    servers = list(dict.fromkeys(line["server"] for line in lines))
    by = {(line["case"], line["server"]): line for line in lines}
    for heads, cell in ((cases, _seen), ([f"{case}: × peer, × echo" for case in cases], _beside)):
        print("\n| server | " + " | ".join(heads) + " |")
        print("|---|" + "--:|" * len(cases))
        for server in servers:
            cells = [cell(by[case, server]) if (case, server) in by else "–" for case in cases]
            print(f"| {server} | " + " | ".join(cells) + " |")
    for server in absent:
        print(f"\n{server.name} {server.absent}")
    if failed := sum(line["failed"] for line in lines):
        print(f"\n{failed:,} requests failed")


def _seen(line: dict[str, Any]) -> str:
    rate = f"{line['requests/s']:,.0f} ({line['lowest']:,.0f}–{line['highest']:,.0f})"
    return f"{rate} · {line['p50 ms']:.0f} / {line['p99 ms']:.0f} · {line['CPU µs']:,.0f}"


def _beside(line: dict[str, Any]) -> str:
    return f"{line['times']:.1f} · {line['of echo']:.2f}"


def plot(lines: list[dict[str, Any]], path: Path) -> None:
    import altair as alt

    bars = alt.Chart(alt.Data(values=lines)).encode(y=alt.Y("server:N", sort="-x", title=None))
    rate = bars.mark_bar().encode(
        x=alt.X("requests/s:Q", title="requests/s", scale=alt.Scale(type="symlog", constant=10))
    )
    spread = bars.mark_rule(color="black").encode(x=alt.X("lowest:Q", title="requests/s"), x2="highest:Q")
    alt.layer(rate, spread).properties(width=300).facet(column=alt.Column("case:N", title=None)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.5, help="of one server in one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="our server and the echo only")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "gradino-benchmarks")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended, too
    lines: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running(Path(folder), given.cache, not given.no_peers) as servers,
    ):
        for scenario in SCENARIOS:
            seen = measure(servers, scenario, given.seconds, given.rounds)
            lines += table(scenario, seen)
            print(f"{asdict(scenario)}: done", file=sys.stderr)
        absent = [server for server in servers if server.absent]
    show(lines, absent)
    if given.json:
        given.json.write_text(json.dumps({"lines": lines, "absent": {s.name: s.absent for s in absent}}, indent=1))
    if given.plot:
        plot(lines, given.plot)


if __name__ == "__main__":
    main()

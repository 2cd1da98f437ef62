"""The same chain as OpenLineage events (spec 2-0-2), for a catalogue that collects them.

Jobs: `collect` (raw batch → rows), `train` (rows → bundle), `release` (bundle → production). Run ids are derived from
our own, so emitting twice tells of the same runs.
"""

from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gradino.operate.lineage.record import Record

_SPEC = "https://openlineage.io/spec"
_PRODUCER = f"urn:gradino:{version('gradino')}"


def events(found: Record) -> Iterator[dict[str, Any]]:
    """In the order in which it happened; each job's run has a START and a COMPLETE."""
    for row in found.data:
        rows = _dataset(found, "rows", str(row.version))
        counted = _facet("OutputStatisticsOutputDatasetFacet", "1-0-2", rowCount=row.rows)
        rows["outputFacets"] = {"outputStatistics": counted}
        raw = _dataset(found, f"raw/{row.raw}", row.raw)
        yield from _run(found, "collect", str(row.version), (row.at, row.at), [raw], [rows], {"digest": row.digest})
    origin, run, number = found.origin, found.run, found.version.number
    rows = _dataset(found, "rows", str(origin.data_version))
    bundle = _dataset(found, f"bundles/{found.version.bundle}", f"v{number}")
    facts = {"reason": run.reason, "code": origin.code, "environment": origin.environment, "seed": str(origin.seed)}
    facts |= {"commit": origin.commit} if origin.commit else {}
    facts |= {f"metric.{name}": repr(value) for name, value in origin.metrics.items()}
    yield from _run(found, "train", run.id, (run.started or run.at, run.ended or run.at), [rows], [bundle], facts)
    for row in found.deployments:
        served = _dataset(found, "production", str(row.id))
        why = {"reason": row.reason} | ({"decision": row.decision} if row.decision else {})
        yield from _run(found, "release", str(row.id), (row.at, row.at), [bundle], [served], why)


def _run(
    found: Record,
    job: str,
    identity: str,
    times: tuple[datetime, datetime],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    facts: dict[str, str],
) -> Iterator[dict[str, Any]]:
    project = found.project.name
    tags = [{"key": key, "value": value, "source": "gradino"} for key, value in facts.items()]
    kind = _facet("JobTypeJobFacet", "2-0-4", processingType="BATCH", integration="GRADINO", jobType=job.upper())
    for kind_of_event, time in zip(("START", "COMPLETE"), times, strict=True):
        yield {
            "eventType": kind_of_event,
            "eventTime": time.isoformat(),
            "run": {
                "runId": str(uuid5(NAMESPACE_URL, f"gradino:{project}:{job}:{identity}")),
                "facets": {"tags": _facet("TagsRunFacet", "1-0-0", tags=tags)},
            },
            "job": {"namespace": project, "name": job, "facets": {"jobType": kind}},
            "inputs": inputs,
            "outputs": outputs,
            "producer": _PRODUCER,
            "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }


def _dataset(found: Record, name: str, version: str) -> dict[str, Any]:
    facet = _facet("DatasetVersionDatasetFacet", "1-0-1", datasetVersion=version)
    return {"namespace": found.project.name, "name": name, "facets": {"version": facet}}


def _facet(name: str, version: str, **content: Any) -> dict[str, Any]:
    schema = f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": _PRODUCER, "_schemaURL": schema, **content}

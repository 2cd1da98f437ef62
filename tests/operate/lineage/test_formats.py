"""What is told in the formats of others is valid there, is ours, and is told of an intact chain only."""

import hashlib
import importlib
import json
import subprocess
import sys
from base64 import b64decode
from copy import deepcopy
from typing import Any

import attr
import pytest
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.serde import Serde
from ruamel.yaml import YAML
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from gradino.errors import IntegrityError
from gradino.operate import lineage, registry
from gradino.operate.lineage.openlineage import events
from gradino.operate.store.state import gates, releases, versions
from tests.operate.conftest import Shop


def test_a_chain_tells_itself_in_three_formats(traced: Shop) -> None:
    store = traced.store
    release = store.state.add(releases, version=1, stage="done", verdict="pass")
    store.state.add(
        gates, release=release, name="holdout", verdict="pass", evidence={"says": "loss a | b"}, seconds=1.0
    )
    found = lineage.record(traced.project, store, "p1")
    assert found == lineage.record(traced.project, store, "v1")
    check_provenance(traced, lineage.provenance(store, found))
    told = list(lineage.events(found))
    assert [(e["job"]["name"], e["eventType"]) for e in told] == [
        (job, kind) for job in ("collect", "train", "release") for kind in ("START", "COMPLETE")
    ]
    assert told == list(events(found))
    for event in told:
        check_event(event)
    check_card(traced, lineage.card(found))
    check_command(traced)

    model = next((store.root / "bundles").glob("*/model.skops"))
    model.write_bytes(model.read_bytes() + b"!")
    with pytest.raises(IntegrityError, match=r"bundle v1: .*model\.skops was changed"):
        lineage.record(traced.project, store, "v1")


def check_provenance(traced: Shop, envelope: dict[str, Any]) -> None:
    """Judged by securesystemslib and in-toto's own library, with the public key alone."""
    pem = registry.public_key(traced.store).read_text()
    key = SSlibKey(envelope["signatures"][0]["keyid"], "ecdsa", "ecdsa-sha2-nistp256", {"public": pem})
    sealed = Envelope.from_dict(deepcopy(envelope))
    assert sealed.verify([key], 1)
    forged = envelope | {"payload": envelope["payload"].replace("A", "B", 1)}
    with pytest.raises(VerificationError):
        Envelope.from_dict(deepcopy(forged)).verify([key], 1)
    content = json.loads(b64decode(envelope["payload"]))
    statement = Statement("", "", {})
    json_format.ParseDict(content, statement.pb)
    statement.validate()
    row = traced.store.state.last(versions)
    assert row is not None
    files = {item["name"]: item["digest"]["sha256"] for item in content["subject"]}
    assert files["manifest.json"] == row.bundle
    folder = traced.store.root / "bundles" / row.bundle
    assert files == {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in files}
    sources = {item["name"]: item["digest"] for item in content["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert sources["commit"]["gitCommit"] == traced.git("rev-parse", "HEAD").strip()
    assert sources["uv.lock"]["sha256"] == hashlib.sha256((traced.root / "uv.lock").read_bytes()).hexdigest()


FACETS = {
    "tags": "tags_run.TagsRunFacet",
    "jobType": "job_type_job.JobTypeJobFacet",
    "version": "dataset_version_dataset.DatasetVersionDatasetFacet",
    "outputStatistics": "output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet",
}


def check_event(event: dict[str, Any]) -> None:
    """Built again from the client's own classes, which know no other fields, it is the same event."""

    def dataset(kind: Any, given: dict[str, Any]) -> Any:
        own = {"outputFacets": facets(given["outputFacets"])} if "outputFacets" in given else {}
        return kind(given["namespace"], given["name"], facets=facets(given["facets"]), **own)

    rebuilt = RunEvent(
        eventTime=event["eventTime"],
        producer=event["producer"],
        eventType=RunState[event["eventType"]],
        run=Run(event["run"]["runId"], facets(event["run"]["facets"])),
        job=Job(event["job"]["namespace"], event["job"]["name"], facets(event["job"]["facets"])),
        inputs=[dataset(InputDataset, given) for given in event["inputs"]],
        outputs=[dataset(OutputDataset, given) for given in event["outputs"]],
    )
    assert bare(json.loads(Serde.to_json(rebuilt))) == bare(event)


def facets(given: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found = {}
    for name, content in given.items():
        module, _, kind = FACETS[name].partition(".")
        facet = getattr(importlib.import_module(f"openlineage.client.generated.{module}"), kind)
        own = {key: value for key, value in content.items() if not key.startswith("_")}
        assert set(own) <= {field.name for field in attr.fields(facet)}
        assert content["_schemaURL"] == facet._get_schema()
        found[name] = facet(**own, producer=content["_producer"])
    return found


def bare(value: Any) -> Any:
    """Without what is empty, which the client leaves out."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if v not in ({}, [], None)}
    return [bare(v) for v in value] if isinstance(value, list) else value


def check_card(traced: Shop, text: str) -> None:
    _, header, body = text.split("---\n", 2)
    read = YAML(typ="safe").load(header)
    (model,) = read["model-index"]
    (result,) = model["results"]
    run = traced.store.state.rows(versions)[0]
    origin = registry.lineage(traced.store.root / "bundles" / run.bundle)
    assert result["metrics"][0]["value"] == origin.metrics["mean_absolute_error"]
    assert result["dataset"]["revision"] == origin.data_digest
    assert read["pipeline_tag"] == result["task"]["type"] == "tabular-regression"
    assert "license" not in read
    assert "Not stated: give `use` in `[card]` of gradino.toml." in body
    assert r"| holdout | pass | loss a \| b |" in body
    assert "| gates | pass | all gates passed |" in body
    assert "It was not tried on live traffic against another model." in body
    stated = traced.root / "gradino.toml"
    stated.write_text(stated.read_text() + '[card]\nuse = "Staffing the shop."\nlicense = "mit"\n')
    said = lineage.card(lineage.record(traced.project, traced.store, "v1"))
    assert "## Intended use\n\nStaffing the shop.\n" in said
    assert "license: mit" in said


def check_command(traced: Shop) -> None:
    """Each answer of the command is one of these, and a question that makes no sense is refused."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gradino", "trace", *words, "--project", str(traced.root)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert json.loads(run("v1", "--provenance").stdout)["payloadType"] == "application/vnd.in-toto+json"
    assert json.loads(run("--all", "--json").stdout) == {"verified": True, "checked": 8, "links": []}
    refused = run("v1", "--all")
    assert refused.returncode == 2
    assert "or --all" in refused.stderr

# ruff: noqa: F401
"""What the warm parent of all jobs imports once, so that a job starts in milliseconds."""

import gc
import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait take the server's cores

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import mlflow.tracking
import model_signing.signing
import model_signing.verifying
import pandas
import pandera.pandas
import sklearn.compose
import sklearn.ensemble
import sklearn.pipeline
import skops.io

import gradino.operate.data.source
import gradino.operate.serving.evaluators
import gradino.operate.training.job

gradino.operate.serving.evaluators.prepare()  # where they are installed; else a gate pays seconds for their import
gc.collect()
gc.freeze()  # a collection in a child would write to every object, and so copy the pages it shares with its siblings

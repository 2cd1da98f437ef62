"""What a Python call does, in the few verbs that maturity is about, whatever the library.

A verb is one of: train, submit (to compute that a file defines), track, register, keep (a model with its run), store
(the platform that trains does that by itself), pin (the version of a model that is fetched), load, predict, serve,
deploy, promote, split (live traffic), collect (new data), fixed (data that never changes), watch (the deployed model),
drift, judge, alert, gate, record-data, record-commit.
"""
# ruff: noqa: E501 - a table reads better unwrapped

import builtins
import re

from gradino.measure import hollow, sources
from gradino.measure.python import Call, Module

_NOT_MODELS = re.compile(
    r"scaler|encoder|vectori|imputer|pca|tokeni|preproc|transformer|binari|normali|selector|discreti|umap|tsne|"
    r"label_?enc|ohe|tfidf|mapper|feature_?union|column_?trans|svd|bert_?tok|curve_fit|ax\.|plt|figure|layout|(?<!\w)stats\.",
    re.I,
)
_EXACT: dict[str, tuple[str, ...]] = {
    "train": (
        "xgboost.train", "lightgbm.train", "catboost.train", "xgboost.cv", "fasttext.train_supervised",
        "pycaret.regression.create_model", "pycaret.classification.create_model", "pycaret.classification.compare_models",
        "optax.apply_updates", "lightning.pytorch.cli.LightningCLI", "pytorch_lightning.cli.LightningCLI",
        "pytorch_lightning.utilities.cli.LightningCLI", "pycaret.regression.compare_models", "surprise.model_selection.cross_validate", "implicit.fit",
    ),
    "track": (
        "cdsw.track_metric", "cdsw.track_file", "cml.metrics_v1.track_metric", "mlflow.evaluate", "mlflow.models.evaluate", "wandb.log", "wandb.init",
        "comet_ml.Experiment", "comet_ml.start", "comet_ml.init", "dagshub.dagshub_logger", "valohai.logger", "clearml.Task.init", "trains.Task.init", "aim.Run", "dvclive.Live", "aim.sdk.Run",
        "azureml.core.Run.get_context", "azureml.core.run.Run.get_context", "google.cloud.aiplatform.start_run",
        "google.cloud.aiplatform.autolog", "swanlab.init", "ray.tune.integration.mlflow.mlflow_mixin", "polyaxon.tracking.init", "trackio.init",
        "zenml.log_metadata", "zenml.log_model_metadata", "zenml.log_artifact_metadata", "zenml.log_step_metadata",
        "sagemaker.experiments.Run", "sagemaker.experiments.run.Run", "sagemaker.experiments.load_run", "sagemaker.experiments.run.load_run", "smexperiments.experiment.Experiment.create", "smexperiments.trial.Trial.create",
        "azureml.train.automl.AutoMLConfig", "keepsake.init", "sacred.observers.MongoObserver", "mlrun.get_or_create_ctx",
    ),
    "register": (
        "mlflow.register_model", "google.cloud.aiplatform.Model.upload", "azureml.core.Model.register",
        "azureml.core.model.Model.register", "sagemaker.workflow.step_collections.RegisterModel",
        "sagemaker.workflow.model_step.ModelStep", "wandb.link_model", "clearml.OutputModel", "wandb.log_model",
        "google_cloud_pipeline_components.v1.model.ModelUploadOp", "zenml.Model",
        "mlem.save", "mlem.api.save", "modelstore.ModelStore.from_aws_s3", "modelstore.ModelStore.from_gcloud", "modelstore.ModelStore.from_azure",
    ),
    "fixed": (
        "datasets.load_dataset", "tensorflow_datasets.load", "ucimlrepo.fetch_ucirepo", "opendatasets.download",
        "gdown.download", "kaggle.api.dataset_download_files", "kagglehub.dataset_download", "seaborn.load_dataset",
        "torchaudio.datasets.LIBRISPEECH", "gdown.download_folder",
    ),
    "promote": ("bentoml.models.push",),
    "watch": ("bentoml.monitor",),
    "gate": ("mlflow.validate_evaluation_results",),
    "test": ("pytest.main", "pytest.cmdline.main"),
}  # fmt: skip
_REPORTED = re.compile(r"wandb|mlflow|comet|clearml|neptune|azure_ml|swanlab|trackio|all", re.I)
# What a training framework hands a run's metrics to: loggers, callbacks, hooks and back ends of trackers.
_LOGGERS = re.compile(
    r"^(Wandb|WandB|MLFlow|MLflow|Mlflow|Comet(ML)?|Neptune|ClearML|Trains|Aim|DVCLive|Dvclive|SwanLab|Swanlab|Trackio|Polyaxon|Determined)"
    r"(Metrics|Model|Eval)?(Logger|Callback|LoggerCallback|LoggerHook|VisBackend|Tracker|Saver|Checkpoint|Handler)$"
)
# Algorithms of SageMaker's own: their jobs report metrics unasked.
_BUILT_IN = re.compile(
    r"^(xgboost|blazingtext|randomcutforest|linear-learner|kmeans|factorization-machines|ntm|lda|pca|object-detection|image-classification|"
    r"semantic-segmentation|forecasting-deepar|seq2seq|ipinsights|knn|object2vec)$"
)
_QUALITY = re.compile(
    r"^sklearn\.metrics\.|(^|\.)(mean_\w+_error|root_mean_\w+_error|\w*accuracy_score|roc_auc_score|f1_score)$"
)
_OF_LIVE = re.compile(r"monitor|production|ground_?truth|live_|feedback", re.I)
_NAMES: dict[str, str] = {name: verb for verb, names in _EXACT.items() for name in names}

_LAST: dict[str, str] = {
    # managed compute
    **dict.fromkeys(
        ("TrainingStep", "TuningStep", "ScriptRunConfig", "PythonScriptStep", "EstimatorStep", "HyperDriveStep", "AutoMLStep",
         "CustomTrainingJob", "CustomContainerTrainingJob", "CustomPythonPackageTrainingJob", "CustomJob", "PipelineJob",
         "CustomTrainingJobOp", "CustomContainerTrainingJobRunOp", "create_custom_training_job_from_component",
         "SageMakerTrainingOperator", "KubernetesPodOperator", "CreateTrainingJob", "DatabricksSubmitRunOperator", "DatabricksRunNowOperator",
         "DataprocSubmitJobOperator", "create_run_from_pipeline_func", "create_run_from_pipeline_package",
         "create_run_from_job_spec", "begin_create_or_update_job", "HyperparameterTuningJob", "submit_job",
         "AutoMLTabularTrainingJob", "AutoMLImageTrainingJob", "create_training_job", "CfnPipeline", "XGBoostTrainer",
         "TorchTrainer", "TensorflowTrainer", "LightGBMTrainer", "HuggingFaceTrainer", "create_training_pipeline",
         "DockerOperator", "EcsRunTaskOperator", "MLEngineStartTrainingJobOperator", "DatabricksNotebookOperator",
         "create_namespaced_job", "create_namespaced_custom_object", "AutoExecutor", "create_custom_job", "create_hyper_parameter_tuning_job",
         "submit_job_as_operation", "execute_remotely", "create_pod", "start_pipeline_execution"),
        "submit"),
    # registries
    **dict.fromkeys(
        ("create_model_package", "create_model_version", "create_registered_model", "RegisterModel", "push_to_hub",
         "register_model", "vetiver_pin_write", "create_model_package_group", "link_artifact", "ModelUploadOp", "register_onnx_model"),
        "register"),
    **dict.fromkeys(("log_model", "save_model_version", "log_artifact_model"), "keep"),
    **dict.fromkeys(("list_model_packages", "describe_model_package", "get_model_version_by_alias", "search_model_versions"), "pin"),
    # deployment
    **dict.fromkeys(
        ("create_endpoint", "update_endpoint", "create_endpoint_config", "CfnEndpoint", "ModelDeployOp", "EndpointCreateOp",
         "deploy_model", "create_deployment", "update_deployment", "SageMakerEndpointOperator", "CfnEndpointConfig",
         "update_endpoint_and_wait", "create_and_wait_endpoint", "begin_create_or_update_endpoint",
         "update_weights_and_capacities", "update_endpoint_weights_and_capacities", "put_served_model", "deploy_app",
         "create_inference_endpoint", "update_function_code", "mlflow_model_deployer_step", "bentoml_model_deployer_step",
         "create_namespaced_deployment", "patch_namespaced_deployment", "replace_namespaced_deployment", "start_deployment"),
        "deploy"),
    **dict.fromkeys(("create_stack", "update_stack", "execute_change_set"), "provision"),
    **dict.fromkeys(
        ("transition_model_version_stage", "set_registered_model_alias", "update_model_package", "copy_model_version"),
        "promote"),
    # watching
    **dict.fromkeys(
        ("DefaultModelMonitor", "ModelQualityMonitor", "ModelMonitor", "ModelBiasMonitor", "DataCaptureConfig",
         "CfnMonitoringSchedule", "create_monitoring_schedule", "DataDriftDetector", "MonitorDefinition", "MonitorSchedule",
         "ModelDeploymentMonitoringJob", "CfnModelQualityJobDefinition", "CfnDataQualityJobDefinition", "ModelDataCollector",
         "track_aggregate_metrics", "track_delayed_metrics", "MonitorsScheduler", "AzureLogHandler", "DataCollector", "CreateMonitor"),
        "watch"),
    **dict.fromkeys(
        ("DataDriftPreset", "TargetDriftPreset", "DataDriftTable", "DatasetDriftMetric", "ColumnDriftMetric", "KSDrift",
         "ks_2samp", "TabularDrift", "MMDDrift", "ChiSquareDrift", "UnivariateDriftCalculator", "DataDriftTab",
         "CatTargetDriftTab", "DataDriftProfileSection", "CBPE", "DriftCheck", "TestColumnDrift", "population_stability_index",
         "calculate_psi", "psi", "DataDrift",
         "ValueDrift", "DriftedColumnsCount", "RegressionPreset", "DataStabilityTestPreset", "DataDriftTestPreset"),
        "drift"),
    **dict.fromkeys(("log_input", "log_dataset"), "record-data"),
}  # fmt: skip

_PROMOTES = (
    "transition_model_version_stage",
    "set_registered_model_alias",
    "update_model_package",
    "copy_model_version",
    "set_stage",
)
_ELSEWHERE = re.compile(r"candidate|staging|challenger|archived|none\b")
_WATCHERS = re.compile(r"^(prometheus_client|aporia|whylabs|langfuse|langsmith|phoenix|opik|newrelic|elasticapm|logfire|prometheus_fastapi_instrumentator|starlette_exporter|arize|fiddler|opencensus|markus|"
                       r"applicationinsights|nannyml|prometheus_flask_exporter|azure\.monitor|statsd|datadog|ddtrace|starlette_prometheus|aioprometheus|prometheus_async|django_prometheus|"
                       r"fluent|superwise|arthurai|arthur_bench|truera|trulens|gantry|langwatch|openlit|traceloop|lunary|boxkite|opentelemetry\.(\S+\.)?(metrics|prometheus))\b")  # fmt: skip
# Arguments by which a service is told to record what it is asked and answers, or to compare it with training data.
_RECORDED = frozenset(
    {"auto_capture_config", "inference_table_config", "data_collector", "collect_model_data", "monitoring_skew_config",
     "monitoring_training_dataset", "model_monitoring_objective_config", "monitoring_alert_email_addresses"}
)  # fmt: skip
_TRACKERS = re.compile(r"(^|[ .])(neptune|comet_ml|clearml|aim|dvclive|wandb|swanlab|trackio|verta|sigopt)\b")
_METRIC = re.compile(
    r"log_(metrics?|params?|classification_metrics|time_series_metrics)$|report_(training|validation)_metrics$"
)
_LOADED = re.compile(
    r"from_pretrained$|hf_hub_download$|snapshot_download$|load_model$|load_from_hub$|download_artifacts$"
)
_BY_NAME = tuple(
    (re.compile(pattern), verb)
    for pattern, verb in (
        ((r"(^|[._])(check|detect|compute|calculate|measure|monitor|run|evaluate|analy[sz]e|assess|perform)_(\w+_)?drift(_(\w+_)?(detection|check|monitoring|analysis|score|report|and_\w+))?$|"
         r"(^|[._])drift_(check|detection|report)$|(^|[._])(compute|calculate|calc)_psi$|(^|\.)\w*Drift(Detector|Monitor|Analy[sz]er|Checker)$"), "drift"),
        (r"^mlflow\.(\w+\.)?autolog$", "track"),
        (r"\.models\.create_or_update$|ml_client\.models\.create_or_update|bentoml\.\w+\.save(_model)?$|^bentoml\.save_model", "register"),
        ((r"\.jobs\.create_or_update$|^azure\.ai\.ml\.command$|(experiment|published_pipeline)\.submit$|^sky\.(jobs\.)?launch$|"
         r"batch_client(\(\))?\.(job\.add|task\.add\w*)$|\.jobs\.(run_now|submit)$|\.trigger_pipeline$|Custom\w*Job\.from_local_script$|"
         r"TrainingClient(\(\))?\.(create_job|train)$|^huggingface_hub\.run_(uv_)?job$|fine_tuning\.jobs\.create$|JobsClient(\(\))?\.(create|run_job)$|"
         r"^(dask_cloudprovider|coiled)\.\S*Cluster$|^determined\.\S*create_experiment$"), "submit"),
        ((r"(online|batch)_(deployments|endpoints)\.(begin_)?create_or_update$|^ray\.serve\.run$|^bentoml\.deployment\.(create|update)$|"
          r"serving_endpoints\.(create|update_config)(_and_wait)?$|^mlflow\.(sagemaker|azureml)\._?deploy$|"
          r"\bKServeClient(\(\))?\.(create|replace|patch)$|^sagemaker[._]core\.(\w+\.)*Endpoint\.create$"), "deploy"),
        (_WATCHERS.pattern + r"|^azureml\S+DataDriftDetector\.create\w*$|(quality_monitors|data_quality)\.(create\w*|run_refresh)$|^databricks\.lakehouse_monitoring\.create", "watch"),
        (r"^tfx\.(\w+\.)*(Trainer|Tuner)$", "store"),
        (r"^(sentry_sdk|honeybadger|rollbar|bugsnag|raven)\b", "errors"),
        ((r"^kfp(\.\w+)*\.(Condition|If|Elif)$|^tfx\.(\w+\.)*Evaluator$|^sagemaker\.(mlops\.)?workflow\.(\w+\.)*ConditionStep$|"
          r"^sagemaker\.workflow\.conditions\.Condition(Less|Greater)\w+$|^airflow\.(\w+\.)*(BranchPythonOperator|ShortCircuitOperator)$|"
          r"^airflow\.(\w+\.)*task\.(branch|short_circuit)$"), "gate"),
    )
)  # fmt: skip
# AI Platform through Google's discovery client: a training job, a version that answers.
_DISCOVERED = re.compile(r"projects\(\)\.(jobs|models\(\)\.versions)\(\)\.create$")
# What an update, or a client's general call, puts into use.
_UPDATED = re.compile(r"azureml\.core\.\S*(Webservice|AksEndpoint)$|sagemaker[._]core\.(\w+\.)*Endpoint\.get$")
_DEPLOYED = re.compile(r"^azure\.ai\.ml\.entities\.\w*(Online|Batch)\w*(Deployment|Endpoint)$")
_DRIFTERS = re.compile(
    r"^(zenml\.integrations\.)?(evidently|whylogs|alibi_detect|deepchecks|frouros|eurybia|nannyml)\b"
)
_LOADERS = re.compile(
    r"^bentoml\.(\w+\.)?(get|load_model|load_runner)$|"
    r"^(joblib|c?[pP]ickle|cloudpickle|dill|torch|onnxruntime|skops\.io|sklearn\.externals\.joblib|tensorflow_hub)\.(load|jit\.load|hub\.load|InferenceSession)$"
    r"|(^|\.)(import_graph_def|saved_model\.(loader\.)?load|([sS]aver|[cC]heckpoint|ckpt)(\(\))?\.restore|serializers\.load_(npz|hdf5)|load_parameters|SymbolBlock\.imports|paddle\.(jit\.)?load|lite\.Interpreter|dnn\.readNet\w*)$"
    r"|\.(load_model|load_from_checkpoint|get_model_path|from_checkpoint|load_context|load_weights|get_latest_versions|load_state_dict|PipelineModel\.load|load_checkpoint|spark_udf)$|^load_model$|Model\.load$"
)
# Models that others trained, fetched by name or asked over the network.
_READY_MADE = re.compile(
    r"\.from_pretrained$|^transformers\.pipeline$|(^|\.)(SentenceTransformer|CrossEncoder|ChatOpenAI|AzureChatOpenAI|OpenAIEmbeddings|"
    r"ChatAnthropic|ChatOllama|ChatGroq|ChatGoogleGenerativeAI|ChatBedrock|InferenceClient|InferenceServerClient|PredictionServiceStub|YOLO|TFLiteInterpreter|easyocr\.Reader)$|"
    r"^spacy\.load$|^unstructured\.partition\."
)
_ASKED = re.compile(r"(chat\.completions|responses|messages|embeddings)\.create$|^litellm\.a?completion$")
_PREDICTS = frozenset(
    {"predict", "predict_proba", "predict_batch", "predictions", "batch_predict", "score_batch", "recommend"}
)
_OF_A_MODEL = re.compile(r"/v[12]/models/\S*(:predict|/infer)\b")  # what model servers answer at
_TOLD = re.compile(r"hooks\.slack|webhook|discord|api\.telegram|pagerduty|opsgenie", re.I)
# Reads of what a model answered, or of what came true.
_LOOKS_BACK = re.compile(
    r"(?i:\bfrom\s+[\w.`\"\[{}-]*(prediction|inference|feedback|ground_?truth)|(prediction|inference|feedback)s?_?(log|history|record|store|event|table|db)s?\b|"
    r"\bpredictions\.(csv|jsonl?|parquet|db)$)|(^|\.)(Prediction|Inference|Feedback)s?$"
)
_INSERTS = re.compile(r"\b(insert\s+(or\s+\w+\s+)?into|create\s+table)\b", re.I)
_READS = frozenset(
    {"read_sql", "read_sql_query", "read_sql_table", "read_gbq", "read_csv", "read_json", "read_parquet", "execute",
     "query", "fetch", "fetchall", "select", "find", "scan", "table", "from_"}
)  # fmt: skip
_ALERTS = re.compile(r"(send_?mail|sendmail|send_message|chat_postMessage|put_metric_alarm|send_alert|post_alert|send_email|notify\w*|sns(\(\))?\.publish|SlackWebhook\S*|CfnAlarm)$", re.I)  # fmt: skip


_QUIET = frozenset(dir(builtins)) - {"dict"}  # dict(traffic=…) may say something
_AUTOLOG = re.compile(r"mlflow\.(\w+\.)?autolog$")


def verbs(call: Call, module: Module, function: str = "") -> list[tuple[str, str]]:
    """What a call inside `function` does: pairs of verb and the words to show for it. Most do nothing of interest."""
    key = (id(call), function if call.method in _PROMOTES else "")
    if key not in module.known:
        module.known[key] = _verbs(call, module, function)
    return module.known[key]


def _verbs(call: Call, module: Module, function: str) -> list[tuple[str, str]]:
    name, method = call.name, call.method
    result: list[tuple[str, str]] = []
    if name in _QUIET or hollow.only_talks(call, module):
        return result
    if method == "asset_check" and call.keywords.get("blocking") == "True":
        result.append(("gate", name))
    if method == "MLflowLoggerCallback" and call.keywords.get("save_artifact") == "True":
        result.append(("keep", name))
    if _reports(call):
        result.append(("track", name))
    if not _RECORDED.isdisjoint(call.keywords) or call.keywords.get("enable_app_insights") == "True":
        result.append(("watch", name))
    if "model_serving_container_image_uri" in call.keywords or any("MODEL_REGISTRY" in t for t in call.texts):
        result.append(("register", name))
    pinned = call.keywords.get("revision", "main") not in ("main", "master", "None")
    if _LOADED.search(name) and (pinned or any(t.startswith(("models:/", "runs:/")) for t in call.texts)):
        result.append(("pin", name))
    if method.startswith("push_to_hub_") or call.keywords.get("push_to_hub") == "True":
        result.append(("register", name))
    if _QUALITY.search(name):
        of_live = _OF_LIVE.search(function) and not re.search(r"train|valid", function)
        result.append(("drift" if of_live else "judge", name))
    if method in ("WandbLogger", "MLFlowLogger") and call.keywords.get("log_model", "False") != "False":
        result.append(("keep", name))
    if _AUTOLOG.match(name) and call.keywords.get("log_models") != "False" and not module.path.endswith(".ipynb"):
        result.append(("keep", name))
    if found := _NAMES.get(name):
        return [(found, name), *result]
    if _trains(call, module):
        result.append(("submit" if _remote_fit(call, module) else "train", name))
        if ("submit", name) in result:
            result += [("train", name), ("store", name)]
    if method in (
        "ModelMetrics",
        "MetricsSource",
        "ExperimentConfig",
        "PropertyFile",
        "create_trial",
        "create_experiment_trial",
    ):
        result.append(("track", name))
    if method in _PROMOTES:
        said = " ".join((*call.texts, *call.keywords.values(), *call.refs)).lower()
        live = re.search(r"champion|prod|live|default", said)
        meant = re.search(r"promot|deploy|releas|champion", function, re.I)
        return [*result, *([("promote", name)] if live or (meant and not _ELSEWHERE.search(said)) else [])]
    if (known := _LAST.get(method)) and not (
        known == "register" and (_WATCHERS.match(name) or _decorates(call, module))
    ):
        result.append((known, name))
        if method == "log_model" and call.keywords.get("registered_model_name", None) not in (None, "None"):
            result.append(("register", name))
        if method in (
            "TrainingStep",
            "TuningStep",
            "SageMakerTrainingOperator",
            "create_training_job",
            "CustomTrainingJobOp",
        ):
            result += [("train", name), ("store", name)]
    result += _by_package(call, module)
    if _LOADERS.search(name) or _READY_MADE.search(name):
        result.append(("load", name))
    elif _ASKED.search(name) or (
        "." in name and (method in _PREDICTS or (method == "post" and any(_OF_A_MODEL.search(t) for t in call.texts)))
    ):
        result.append(("predict", name))
    result += sources.verbs(call, module)
    if method in _READS and any(_LOOKS_BACK.search(w) and not _INSERTS.search(w) for w in (*call.texts, *call.refs)):
        result.append(("look-back", name))
    if _ALERTS.search(name) or (method == "post" and any(_TOLD.search(w) for w in (*call.texts, *call.refs))):
        result.append(("alert", name))
    result += _records(call)
    return result


def _decorates(call: Call, module: Module) -> bool:
    """Whether a call makes a class known to the program itself, by decorating it."""
    return any(call is d for f in module.functions.values() for d in f.decorators)


def watches(module: Module) -> bool:
    """Whether a file imports something that watches live models or compares data with what it was."""
    return any(_WATCHERS.match(p) or _DRIFTERS.match(p) for p in module.packages)


def _reports(call: Call) -> bool:
    """Whether a call hands a tracker, or the platform that runs the job, the metrics of a training run."""
    said = call.keywords
    return bool(
        any(k in said and _REPORTED.search(said[k] or " ".join(call.texts)) for k in ("report_to", "log_with"))
        or _LOGGERS.match(call.method)
        or _LOGGERS.match(said.get("type", ""))
        or "metric_definitions" in said
        or (call.method in ("retrieve", "get_image_uri") and any(_BUILT_IN.match(t) for t in call.texts))
        or re.match(
            r"neptune(\.new)?\.init(_run)?$|(google[._]cloud[._]|azure\.ai\.ml\.)\S*(AutoML\w+Job(RunOp)?|automl\.\w+)$",
            call.name,
        )
        or (call.name == "google.cloud.aiplatform.init" and "experiment" in said)
        or any("/mlflow/runs/log-" in t for t in call.texts)
    )


def _trains(call: Call, module: Module) -> bool:
    name, method = call.name, call.method
    own = module.functions.get(f"{call.maker}.{method}")
    if own is not None and not own.calls:
        return False  # what only fits an interface
    if method in (
        "fit",
        "partial_fit",
        "fit_generator",
        "fit_one_cycle",
        "train_on_batch",
        "fine_tune",
        "train_model_on_dataset",
        "apply_gradients",
    ):
        return "." in name and not _NOT_MODELS.search(f"{name} {call.maker}")
    if method == "fit_resample" or method == "backward":
        return method == "backward" and "torch" in " ".join(module.packages)
    if method == "train" and "." in name:
        learner = re.search(r"trainer|YOLO|estimator|\bxgb\b|\blgb\b|rasa", f"{name} {call.maker}", re.I)
        return bool(learner) or bool({"data", "epochs"} & call.keywords.keys())
    if method == "get_best_model":
        return call.maker.startswith("neuro_mf.")
    if method == "learn" and re.search(r"PPO|DQN|A2C|SAC|TD3", call.maker):
        return True
    return any("CREATE OR REPLACE MODEL" in t.upper() or "CREATE MODEL" in t.upper() for t in call.texts)


def _remote_fit(call: Call, module: Module) -> bool:
    if call.method == "train" and re.search(r"^sagemaker\..*\bModelTrainer$", call.maker):  # from version 3 of its SDK
        return True
    if call.maker.startswith("snowflake.ml.") or call.name.startswith("snowflake.ml."):
        return True
    return call.method == "fit" and "sagemaker" in module.packages and not re.search(r"^sklearn\.|keras", call.maker)


def _by_package(call: Call, module: Module) -> list[tuple[str, str]]:
    name, method = call.name, call.method
    whole = f"{name} {call.maker}"
    found = [verb for pattern, verb in _BY_NAME if pattern.search(name)]
    azureml = method in ("log", "log_row", "log_list", "submit") and "azureml" in " ".join(module.imports.values())
    if (_METRIC.match(method) and "." in name and not name.endswith("trainer.log_metrics")) or (
        method.startswith("log") and _TRACKERS.search(whole)
    ):
        found.append("track")
    if azureml and (method == "submit" or "run" in name):
        found.append("submit" if method == "submit" else "track")
    if method in ("log_artifact", "log_artifacts") and (
        "wandb" in module.packages or "model" in " ".join((*call.texts, *call.refs)).lower()
    ):
        found.append("keep")
    if name == "wandb.Artifact" and "model" in (call.keywords.get("type", ""), *call.texts[1:2]):
        found.append("register")
    if method == "upload" and call.maker.startswith("neptune"):
        found.append("keep")
    if method == "create_model" and "hopsworks" in module.packages:
        found.append("register")
    if method == "deploy" and not {"prefect", "modal"} & module.packages:
        clouds = {"sagemaker", "azureml", "google", "vertexai", "azure", "boto3"} & module.packages
        if clouds and not re.search(r"flow|pipeline", name, re.I):
            found.append("deploy")
    if method == "up" and any(name.startswith("pulumi.automation") for name in module.imports.values()):
        found.append("provision")
    if method in ("update_service", "create_service") and {"boto3", "aioboto3", "google"} & module.packages:
        found.append("deploy")
    if method == "update" and _UPDATED.match(call.maker):
        found.append("deploy")
    if method == "begin_create_or_update" and any(_DEPLOYED.search(module.made.get(r, "")) for r in call.refs):
        found.append("deploy")
    if method in ("upload_file", "upload_folder") and "huggingface_hub" in module.packages:
        found += ["register"] if call.keywords.get("repo_type", "model") == "model" else []
    if _DRIFTERS.match(whole) and not _LAST.get(method):
        found.append("drift")
    if call.keywords.get("repo_type") == "space" and method.startswith("upload"):
        found.append("deploy")
    if "projects()." in whole and (made := _DISCOVERED.search(f"{call.maker}().{method}" if call.maker else name)):
        found += ["submit"] if made[1] == "jobs" else ["deploy", "register"]
    if (
        method == "create_or_update"
        and "azure" in module.packages
        and "." in name
        and any(re.search(r"job|pipeline|sweep|command", r) for r in call.refs)
        and not re.search(r"(models|environments|data|components|compute|endpoints|deployments)\.create", name)
    ):
        found.append("submit")
    if (method in _RUNNERS and _TRAINING.search(f"{' '.join(call.texts)} {call.keywords.get('command', '')}")) or (
        method in ("post", "request") and any(_DATABRICKS.search(t) for t in call.texts)
    ):
        found.append("submit")
    if method in ("post", "request") and any(t.endswith("/dispatches") for t in call.texts):
        found.append("dispatch")
    if call.keywords.keys() & {"traffic", "traffic_percentage", "traffic_split"}:
        found.append("traffic")
    return [(verb, name) for verb in dict.fromkeys(found)]


# Arguments that name a version of data, calls that take it as `version`, and queries of a table as it was.
_VERSIONS = ("dataset_version", "training_dataset_version", "snapshot_id", "top_hash", "known_hash")
_DATASETS = re.compile(r"(Dataset\.get_by_name|\.data\.get|DeltaTable|fetch_openml)$")
_AS_OF = re.compile(r"\b(SYSTEM_TIME|VERSION|TIMESTAMP)\s+AS\s+OF\b")
# Calls that run whatever they are told on a machine of the cloud's, and what tells them to train.
_RUNNERS = frozenset({"run_task", "start_job_run", "add_job_flow_steps", "run_job_flow"})
_TRAINING = re.compile(r"(^|[^a-z])(re)?train", re.I)
_DATABRICKS = re.compile(r"/jobs/(run-now|runs/submit)")
_NOTES = ("set_tag", "set_tags", "log_param", "log_params", "tag", "add_tags", "update_tags", "register", "log_dict")


_NOTED = frozenset({"tags", "metadata", "customer_metadata_properties", "labels", "user_metadata"})


def _records(call: Call) -> list[tuple[str, str]]:
    """Whether a call writes the commit or the data version beside a model."""
    found: list[tuple[str, str]] = []
    if call.method == "use_artifact" and not any(
        t.endswith(":latest") or "model" in t for t in (*call.texts, *call.refs)
    ):
        found.append(("record-data", call.name))
    if call.method in ("register_model", "register") and "datasets" in call.keywords:
        found.append(("record-data", call.name))
    noted = " ".join(v for k, v in call.keywords.items() if k in _NOTED)
    if call.method in _NOTES or noted:
        said = (*call.texts, *call.keywords, *call.keywords.values(), *call.refs) if call.method in _NOTES else (noted,)
        words = " ".join(said).lower()
        if re.search(r"commit|git_?(sha|hash|rev)|code_?version|source_?version|build_?sourceversion", words):
            found.append(("record-commit", call.name))
        if re.search(
            r"data(set)?_?(version|hash|rev|digest|md5|sha|id|checksum|snapshot)|dvc_|table_version|delta_version",
            words,
        ):
            found.append(("record-data", call.name))
    if (
        call.name.startswith(("dvc.api.", "mlflow.data.", "lakefs"))
        or {"versionAsOf", "timestampAsOf"} & {*call.texts}
        or any(call.keywords.get(k, "latest") != "latest" for k in _VERSIONS)
        or (_DATASETS.search(call.name) and call.keywords.get("version", "latest") != "latest")
        or ("VersionId" in call.keywords and call.method in ("get_object", "download_file"))
        or any(_AS_OF.search(t) for t in call.texts)
    ):
        found.append(("record-data", call.name))
    return found

"""MLServer, in one process, batches of up to 64 requests. `with_mlserver.py PORT MODEL`"""

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    grpc = probe.getsockname()[1]
folder = Path(tempfile.mkdtemp(dir=Path(sys.argv[2]).parent))
server = {"host": "127.0.0.1", "http_port": int(sys.argv[1]), "grpc_port": grpc, "parallel_workers": 0}
(folder / "settings.json").write_text(json.dumps(server | {"debug": False, "metrics_endpoint": None}))
model = {"name": "bench", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": sys.argv[2]}}
(folder / "model-settings.json").write_text(json.dumps(model | {"max_batch_size": 64, "max_batch_time": 0.001}))
program = str(Path(sys.executable).with_name("mlserver"))
os.execv(program, [program, "start", str(folder)])

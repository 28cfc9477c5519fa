"""What a batch job's worker loads beside TensorFlow."""

import subprocess
import sys

SERVER = ("grpc", "grpc_health", "prometheus_client", "serving.server", "starlette", "uvicorn")


def test_a_model_in_the_process_needs_nothing_of_the_server() -> None:
    code = (
        "import sys\n"
        "from serving.model import in_process, saved_model\n"
        f"print(*[name for name in {SERVER} if name in sys.modules], 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]

"""What the Evaluator asks of TFMA."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from bitpipe.model import signature
from components import features, preprocessing
from components.gate.recording import BASELINE, CANDIDATE


def eval_config() -> config_pb2.EvalConfig:
    """TFMA's configuration.

    Models are fed raw pictures through their production signature. TFMA's numbers are there for
    its own tools; the gate judges by the answers themselves (`recording.py`), because TFMA can
    neither compare models of different classes nor tell a drop from noise. Its one threshold is
    that there are pictures: without any, TFX would write no blessing at all.
    """
    config = text_format.Parse(
        f"""
        slicing_specs {{}}
        slicing_specs {{ feature_keys: "{features.LABEL}" }}
        metrics_specs {{
          metrics {{
            class_name: "ExampleCount"
            per_slice_thresholds {{
              slicing_specs {{}}
              threshold {{ value_threshold {{ lower_bound {{ value: 1 }} }} }}
            }}
          }}
          metrics {{ class_name: "SparseCategoricalAccuracy" }}
        }}
        """,
        config_pb2.EvalConfig(),
    )
    for name, is_baseline in ((CANDIDATE, False), (BASELINE, True)):
        config.model_specs.add(
            name=name,
            is_baseline=is_baseline,
            signature_name=signature.SERVING,
            prediction_key=signature.SCORES,
            label_key=preprocessing.LABEL,
            preprocessing_function_names=[signature.TRANSFORM_FEATURES],
        )
    return config

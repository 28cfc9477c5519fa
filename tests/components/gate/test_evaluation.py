"""What the gate asks of TFMA."""

import pytest

from bitpipe.model import signature

pytestmark = pytest.mark.tfx


def test_the_gate_judges_the_production_signature_on_raw_pictures():
    from components.gate import evaluation

    specs = evaluation.eval_config().model_specs
    assert [spec.is_baseline for spec in specs] == [False, True]
    for spec in specs:
        assert spec.signature_name == signature.SERVING == "serving_default"
        assert spec.prediction_key == signature.SCORES

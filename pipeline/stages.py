"""Ids of those nodes of the graph that are spoken of; TFX names a node after its class.

The stages themselves know no ids, but two that report progress under theirs (`STAGE` in
components.image_example_gen.executor and components.training.loop).
"""

IMAGE_EXAMPLE_GEN = "ImageExampleGen"
EXAMPLE_VALIDATOR = "ExampleValidator"
WARM_START = "WarmStart"
TRAINER = "Trainer"
CALIBRATOR = "Calibrator"  # where gate.calibrate or gate.reject_below ask for one
RESOLVER = "Resolver"
EVALUATOR = "Evaluator"
SERVING_CHECK = "ServingCheck"
PUSHER = "Pusher"

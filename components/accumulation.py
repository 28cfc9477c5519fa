"""Gradient accumulation: a batch of 512 on a machine that holds 16 pictures."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class AccumulatingModel(keras.Model):
    """A functional model whose training step goes through the batch in equal micro-batches.

    The mean of the micro-batches' gradients is the gradient of the whole batch, because no layer of
    BiT looks at other examples (GroupNorm, no BatchNorm). The optimiser and its schedule see one
    step per batch; Keras' own `gradient_accumulation_steps` would show the schedule every
    micro-batch.

    Args:
      model: shares its layers and variables with this one.
      micro_batch_size: divides every batch's size.
    """

    def __init__(self, model: keras.Model, micro_batch_size: int) -> None:
        super().__init__(inputs=model.inputs, outputs=model.outputs[0], name=model.name)
        self._micro_batch_size = micro_batch_size

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, Any]:
        """One optimiser step on (images (B, H, W, 3), labels (B, classes))."""
        images, labels = (_split(tensor, self._micro_batch_size) for tensor in data)
        count = tf.shape(images)[0]
        weights = [variable.value for variable in self.trainable_variables]

        def add(index: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape() as tape:
                logits = self(images[index], training=True)
                loss = self.compute_loss(x=images[index], y=labels[index], y_pred=logits)
                scaled = self.optimizer.scale_loss(loss)
            self._loss_tracker.update_state(loss)
            self.compute_metrics(images[index], labels[index], logits)
            gradients = tape.gradient(scaled, weights)
            return index + 1, [total + part for total, part in zip(sums, gradients, strict=True)]

        _, sums = tf.while_loop(
            lambda index, _: index < count,
            add,
            (tf.constant(0), [tf.zeros_like(weight) for weight in weights]),
            parallel_iterations=1,  # more would hold several micro-batches' activations at once
        )
        share = 1.0 / tf.cast(count, tf.float32)
        self.optimizer.apply([total * share for total in sums], self.trainable_variables)
        return self.get_metrics_result()


def _split(batch: tf.Tensor, size: int) -> tf.Tensor:
    """(B, ...) -> (B / size, size, ...)."""
    return tf.reshape(batch, [-1, size, *batch.shape[1:]])

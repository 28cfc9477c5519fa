"""One optimiser step, in micro-batches and on all devices: 512 pictures where 16 fit."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from components.bit import layers


class TrainingStep:
    """Softmax cross-entropy, gradients of the whole batch, one update.

    No layer of BiT looks at other examples (GroupNorm, no BatchNorm), so the mean of the
    micro-batches' gradients is the gradient of the batch. The optimiser and its schedule see one
    step per batch; Keras' own `gradient_accumulation_steps` would show the schedule every
    micro-batch. Kernels are standardised once per step.

    Args:
        model: of `resnet_v2.build`, made under `strategy.scope()`; gives logits (B, classes).
        optimizer: made under the same scope.
        micro_batch_size: pictures that a device holds with their activations at a time; divides the
            batch of a replica. `None` for all at once.
        jit_compile: compile gradients with XLA.
        strategy: `None` for the one in scope.
        class_weights: (classes,) what a picture of each class counts in the loss; `None` for 1.
        clip_norm: the batch's gradient of all weights together is shortened to this length where it
            is longer; `None` for never.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        *,
        micro_batch_size: int | None = None,
        jit_compile: bool = False,
        strategy: tf.distribute.Strategy | None = None,
        class_weights: np.ndarray | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._micro_batch_size = micro_batch_size
        self._strategy = strategy or tf.distribute.get_strategy()
        self._kernels = {
            id(layer.kernel)
            for layer in model.layers
            if isinstance(layer, layers.StandardizedConv2D)
        }
        self._class_weights = class_weights
        self._clip_norm = clip_norm
        self.gradients = tf.function(self._whole, jit_compile=jit_compile)

    @tf.function
    def __call__(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Takes (images (B, H, W, 3), labels (B, classes)), as `strategy` distributes them.

        Returns:
            Loss and accuracy, float32 scalars, before the update and over the whole batch.
        """
        totals = self._strategy.run(self._replica, args=(images, labels))
        return tuple(
            self._strategy.reduce(tf.distribute.ReduceOp.SUM, total, axis=None) for total in totals
        )

    def _replica(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Every replica has an equal part of the batch; `apply` adds up over replicas.
        share = 1.0 / self._strategy.num_replicas_in_sync
        loss, accuracy, gradients = self.gradients(images, labels)
        gradients = [gradient * share for gradient in gradients]
        if self._clip_norm is not None:
            gradients = [gradient * share for gradient in self._clipped(gradients)]
        self._optimizer.apply(gradients, self._model.trainable_variables)
        return loss * share, accuracy * share

    def _clipped(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """The gradient of the batch, no longer than asked for, out of each replica's part of it.

        The optimiser's own `global_clipnorm` would shorten each part by itself, and under float16
        what `_part` has scaled.
        """
        context = tf.distribute.get_replica_context()
        whole = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        longest = self._optimizer.scale_loss(tf.constant(self._clip_norm))
        return tf.clip_by_global_norm(whole, longest)[0]

    def _whole(
        self, images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Loss, accuracy and gradients, means over (B, H, W, 3) and (B, classes)."""
        variables = [variable.value for variable in self._model.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(variables)
            weights = [
                layers.standardize(variable.value)
                if id(variable) in self._kernels
                else tf.identity(variable.value)
                for variable in self._model.trainable_variables
            ]
        size = self._micro_batch_size
        if size is None or images.shape[0] == size:
            loss, accuracy, gradients = self._part(weights, images, labels)
        else:
            parts = _split(images, size), _split(labels, size)
            loss, accuracy, gradients = self._accumulated(weights, *parts)
        return loss, accuracy, tape.gradient(weights, variables, output_gradients=gradients)

    def _accumulated(
        self, weights: list[tf.Tensor], images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """The same for parts, (parts, size, H, W, 3) and (parts, size, classes)."""
        count = tf.shape(images)[0]
        share = 1.0 / tf.cast(count, tf.float32)

        def add(index: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
            loss, accuracy, gradients = self._part(weights, images[index], labels[index])
            added = [loss, accuracy, *gradients]
            return index + 1, [total + one for total, one in zip(sums, added, strict=True)]

        zero = tf.constant(0.0)
        _, sums = tf.while_loop(
            lambda index, _: index < count,
            add,
            (tf.constant(0), [zero, zero, *(tf.zeros_like(weight) for weight in weights)]),
            parallel_iterations=1,  # more would hold several micro-batches' activations at once
        )
        loss, accuracy, *gradients = (total * share for total in sums)
        return loss, accuracy, gradients

    def _part(
        self, weights: list[tf.Tensor], images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            with layers.prestandardized():
                logits, _ = self._model.stateless_call(weights, [], images, training=True)
            losses = keras.losses.categorical_crossentropy(labels, logits, from_logits=True)
            if self._class_weights is not None:
                weights_of = tf.constant(self._class_weights, losses.dtype)
                # Mixed as the labels are.
                losses *= tf.linalg.matvec(tf.cast(labels, losses.dtype), weights_of)
            loss = tf.reduce_mean(losses)
            # float16 gradients would underflow; `apply` divides by the scale again.
            scaled = self._optimizer.scale_loss(loss)
        accuracy = tf.reduce_mean(keras.metrics.categorical_accuracy(labels, logits))
        return loss, accuracy, tape.gradient(scaled, weights)


def _split(batch: tf.Tensor, size: int) -> tf.Tensor:
    """(B, ...) -> (B / size, size, ...)."""
    return tf.reshape(batch, [-1, size, *batch.shape[1:]])

"""kerasfront on TensorFlow: Variables hold `tf.Variable`s, the step is a `tf.function`."""

from __future__ import annotations

from kerasfront_tensorflow.adapter import TensorFlowAdapter

adapter = TensorFlowAdapter()

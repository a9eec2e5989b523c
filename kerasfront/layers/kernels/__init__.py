"""Kernels: the one weight that does a layer's work, and what LoRA and quantization make of it.

- `products`: how a layer contracts its inputs with its kernel.
- `storage`: how the values of a kernel are kept; here, as floats.
- `lora`: two narrow matrices whose product is added to a kernel.
- `integers`, `float8`, `rows`: the quantized storages of kernels and of embeddings.
- `kernel_layer`: the base of the layers that have a kernel.
- `quantize`: what `Layer.quantize` and `Model.quantize` do.
- `calibrated`: quantization that looks at the inputs of layers (GPTQ and AWQ).
"""

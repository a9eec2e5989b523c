"""The programs of `kerasfront bench`: the same training written by hand in each framework and over the front.

They run in one process for each backend (`python -m kerasfront_bench JOB RESULT`), so kerasfront itself never imports
a framework for them. `workloads` says what is trained, `native_*` is how an expert would write it in a framework,
`timing` times the sides against each other, and `fit`, `calls`, `build`, `memory` and `imports` are what is measured.
"""

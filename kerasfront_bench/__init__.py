"""The programs of `kerasfront bench`: the same training written by hand in each framework and over the front.

They run in a process of their own for each backend (`python -m kerasfront_bench JOB RESULT`), so kerasfront itself
never imports a framework for them. `workloads` says what is trained, `native_*` how an expert would write it per step,
`timing` how sides are timed against each other, `fit`, `calls`, `memory` and `imports` what is measured.
"""

"""The frame of `kerasfront bench`: processes, results, tables, charts and comparisons.

The measurements themselves are in the package kerasfront_bench, whose programs run in one process for each backend.
"""

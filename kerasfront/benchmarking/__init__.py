"""The frame of `kerasfront bench`: processes, results, tables, charts and comparisons.

What is measured stands in the package kerasfront_bench, whose programs run in a process of their own for each backend.
"""

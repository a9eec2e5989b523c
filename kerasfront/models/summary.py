"""The table that model.summary() prints."""

from __future__ import annotations

import io
import math
import shutil
from collections.abc import Callable, Sequence
from html import escape as escape_html
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerasfront.layers.base.conversion import map_shapes
from kerasfront.layers.base.layer import Layer
from kerasfront.spec import dtypes, nodes_of

if TYPE_CHECKING:
    from kerasfront.models.model import Model


def print_summary(
    model: Model,
    line_length: int | None,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    head, rows = _cells(model, expand_nested, show_trainable, layer_range)
    table = Table(title=f'Model: "{escape(model.name)}"', title_justify="left", title_style="bold")
    for name in head:
        table.add_column(name, justify=_JUSTIFIED.get(name, "left"))
    for row in rows:
        table.add_row(*map(escape, row))
    width = line_length or min(max(shutil.get_terminal_size((100, 24)).columns, 80), 120)
    out = io.StringIO()
    console = Console(file=out if print_fn else None, width=width, highlight=False)
    console.print(table)
    for line in _totals(model):
        console.print(line)
    if print_fn is not None:
        for line in out.getvalue().rstrip("\n").split("\n"):
            print_fn(line)


def html(model: Model) -> str:
    """Return the table as HTML, which notebooks show for a model."""
    head, rows = _cells(model)
    titles = "".join(f"<th>{name}</th>" for name in head)
    style = {index: f' style="text-align: {_JUSTIFIED[name]}"' for index, name in enumerate(head) if name in _JUSTIFIED}
    lines = ["".join(f"<td{style.get(i, '')}>{_html(cell)}</td>" for i, cell in enumerate(row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    totals = "<br>".join(map(_html, _totals(model)))
    about = f"{type(model).__name__} &quot;{_html(model.name)}&quot;"
    return (
        f"<table><caption>{about}</caption><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table><p>{totals}</p>"
    )


def _html(text: str) -> str:
    return escape_html(text).replace("  ", "&emsp;")


_JUSTIFIED: dict[str, Any] = {"Param #": "right", "Trainable": "center"}


def _cells(
    model: Any, expand_nested: bool = False, show_trainable: bool = False, layer_range: Any = None
) -> tuple[list[str], list[list[str]]]:
    """Return the titles of the columns, and the rows."""
    connected = _branches(model)
    head = ["Layer (type)", "Output Shape", "Param #"]
    head += ["Trainable"] * show_trainable + ["Connected to"] * connected
    rows = []
    for depth, layer in _rows(model, expand_nested, layer_range):
        row = [f"{'  ' * depth}{layer.name} ({type(layer).__name__})", _output_shape(layer), _params(layer)]
        if show_trainable:
            row.append("Y" if layer.trainable else "N")
        if connected:
            row.append(", ".join(_sources(layer)) or "-")
        rows.append(row)
    return head, rows


def _rows(model: Any, expand: bool, layer_range: Any) -> list[tuple[int, Layer]]:
    layers = model.layers
    if layer_range is not None:
        names = [layer.name for layer in layers]
        first, last = names.index(layer_range[0]), names.index(layer_range[1])
        layers = layers[min(first, last) : max(first, last) + 1]
    rows: list[tuple[int, Layer]] = []
    for layer in layers:
        rows.append((0, layer))
        if expand and hasattr(layer, "layers"):
            rows += [(depth + 1, inner) for depth, inner in _rows(layer, True, None)]
    return rows


def _branches(model: Any) -> bool:
    graph = getattr(model._kf, "graph", None)
    if graph is None:
        return False
    plan = graph.plan
    return len(plan.inputs) > 1 or any(len(node.inputs) > 1 for node in plan.nodes)


def _sources(layer: Layer) -> list[str]:
    return [f"{x.node.operation.name}[{x.index}]" for n in nodes_of(layer)[:1] for x in n.inputs if x.node is not None]


def _output_shape(layer: Layer) -> str:
    if nodes_of(layer):
        shapes = [str(x.shape) for x in nodes_of(layer)[-1].outputs]
        return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"
    shape = getattr(layer, "output_shape", None) if layer.built and getattr(layer._kf, "graph", None) else None
    return str(_shape_by_building(layer) if shape is None else shape)


def _shape_by_building(layer: Layer) -> Any:
    """Return the shape of the output for inputs like those that the layer was built with, by any number of rows."""
    if not layer.built or not layer._kf.build_shapes:
        return "?"
    shapes = [map_shapes(lambda s: (None, *s[1:]), shape) for shape in layer._kf.build_shapes.values()]
    try:
        return layer.compute_output_shape(*shapes)
    except Exception:  # a call of a user's own, which may take what no shape tells
        return "?"


def _params(layer: Layer) -> str:
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def _totals(model: Any) -> list[str]:
    if not model.built:
        return ["The model isn't built: call it on data, or build(input_shape), to know its parameters."]
    groups = {
        "Trainable params": model.trainable_weights,
        "Non-trainable params": model.non_trainable_weights,
    }
    if model.compiled and model.optimizer is not None and model.optimizer.built:
        groups["Optimizer params"] = model.optimizer.variables
    everything = {id(v): v for group in groups.values() for v in group}
    lines = [_total("Total params", list(everything.values()))]
    return lines + [_total(name, group) for name, group in groups.items()]


def _total(name: str, variables: list[Any]) -> str:
    count = sum(math.prod(v.shape) for v in variables)
    size = float(sum(math.prod(v.shape) * dtypes.to_numpy(v._dtype).itemsize for v in variables))
    unit = "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f" {name}: {count:,} ({size:.2f} {unit})"

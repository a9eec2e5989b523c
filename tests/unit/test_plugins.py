"""An adapter from outside: found, bound, held to the contract, refused where it doesn't fit."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "outside_adapter"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which the package is installed: its module, and the entry points that an installer records."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE / "tinynp", folder / "tinynp", ignore=shutil.ignore_patterns("__pycache__"))
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["kerasfront.backends"]
    lines = [f"{name} = {target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[kerasfront.backends]", *lines, ""]))
    return folder


def python(site, backend, *arguments):
    environment = {**os.environ, "KERAS_BACKEND": backend, "KERAS_HOME": str(site / "no-settings")}
    environment["PYTHONPATH"] = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=site,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def says(site, backend, code):
    """What the code prints on a backend; it must end well."""
    done = python(site, backend, "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def fails(site, backend, code="from kerasfront import ops; ops.zeros(2)"):
    """The error with which the code ends."""
    done = python(site, backend, "-c", code)
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_it_is_found_and_bound_by_its_name(site):
    code = """
import sys
from kerasfront import config, contract, ops
x = ops.add([1.0, 2.0], 3)
adapter = contract.current()
print(config.backend(), adapter.name, adapter.version(), type(x).__name__, ops.convert_to_numpy(x).tolist())
print([name for name in ("torch", "jax", "tensorflow") if name in sys.modules])
"""
    assert says(site, "tinynp", code).splitlines() == ["tinynp tinynp 1.2.3 ndarray [4.0, 5.0]", "[]"]


def test_a_wrong_name_suggests_it(site):
    assert "Did you mean 'tinynp'?" in fails(site, "tinypn")


def test_a_gap_is_an_error_with_its_reason(site):
    error = fails(site, "tinynp", "from kerasfront import ops; ops.expm1([1.0])")
    assert "CapabilityError" in error
    assert "The backend 'tinynp' has no ops.expm1: a pocket calculator has no such key" in error


def test_a_derived_op_is_overridden(site):
    code = """
import numpy as np, tinynp
from kerasfront import ops
from kerasfront.ops.declare.op import OPS
x = np.asarray([-1.0, 2.0], "float32")
mine, derived = ops.silu(x), OPS["silu"].function(x)
print(OPS["silu"].source, OPS["silu"].namespace["impl"] is tinynp._silu, np.abs(mine - derived).max() < 1e-6)
print(OPS["relu"].source, OPS["log_sigmoid"].source, OPS["expm1"].source)
"""
    assert says(site, "tinynp", code).splitlines() == ["native True True", "native derived gap"]


def test_a_missing_primitive_is_refused_by_name_when_it_is_loaded(site):
    error = fails(site, "tinynp_incomplete")
    assert "The backend 'tinynp_incomplete' does not supply the primitives matmul, relu." in error
    assert "declares a gap with its reason" in error


def test_an_op_that_does_not_exist_is_refused(site):
    assert "The backend 'tinynp_strange' supplies unknown ops: levitate." in fails(site, "tinynp_strange")


@pytest.mark.parametrize(("name", "version"), [("tinynp_future", "2.0"), ("tinynp_newer", "1.99")])
def test_a_version_of_the_contract_that_does_not_fit_is_refused(site, name, version):
    error = fails(site, name)
    assert f"The backend '{name}' was written for version {version} of the contract" in error
    assert "Install versions of the two that fit each other." in error


def test_a_function_with_other_parameters_than_its_op_is_refused(site):
    error = fails(site, "tinynp_misnamed")
    assert "BackendError: The backend 'tinynp_misnamed' has functions that don't fit their ops: " in error
    assert "ops.silu expects (x), and got (z)." in error
    assert "ops.softsign expects (x), and got (x, scale)." in error


def test_a_function_of_another_package_must_take_the_arguments_of_its_op(site):
    error = fails(site, "tinynp_unlike")
    assert "ops.transpose expects (x, axes=None), and got (p)." in error
    assert "ops.silu" not in error and "ops.matmul" not in error  # they can be called so


def test_a_capability_without_its_methods_is_refused(site):
    error = fails(site, "tinynp_untrained")
    assert "declares the capability 'gradients' and doesn't supply value_and_grad, vjp, jvp" in error
    assert "declares a capability that is none: telepathy" in fails(site, "tinynp_telepathic")


def test_what_is_no_adapter_is_refused(site):
    assert "which is no kerasfront.contract.Adapter" in fails(site, "tinynp_nothing")


def test_a_missing_framework_is_told(site):
    error = fails(site, "tinynp_missing")
    assert "'tinynp_missing'" in error and "a_framework_that_nobody_installed" in error


def test_training_on_it_is_refused(site):
    code = "from kerasfront import contract; contract.current().value_and_grad(lambda: None, [])"
    assert "The backend 'tinynp' has no gradients" in fails(site, "tinynp", code)


def test_the_conformance_suite_runs_over_it(site):
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "kerasfront.testing"]
    picked = "(test_values or test_operands) and (silu or expm1 or relu-) or test_contract"
    done = python(site, "tinynp", *command, "--kerasfront-backend=tinynp", "-k", picked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout and "skipped" not in done.stdout


def test_the_conformance_suite_finds_a_gap_that_is_none(site):
    lie = 'gaps = LACKING | {"silu": "it says so, but the override is there"}\n'
    liar = site.parent / "liar"
    shutil.copytree(site, liar)
    module = liar / "tinynp" / "__init__.py"
    module.write_text(module.read_text().replace("gaps = LACKING\n", lie))
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "kerasfront.testing"]
    done = python(liar, "tinynp", *command, "--kerasfront-backend=tinynp", "-k", "test_values and tinynp-silu")
    assert done.returncode == 1
    assert "tinynp declares ops.silu a gap, and supplies it." in done.stdout

"""Run code behind the wall, as the warm parent does: enclose, load, fork, confine. Started by conftest.py."""

import importlib
import json
import os
import sys
from pathlib import Path
from time import perf_counter

spec = json.loads(sys.argv[1])
sys.path.insert(0, spec["package"])

from mmlearn.contestant import sandbox  # noqa: E402

readable = [Path(path) for path in {*spec["readable"], spec["package"], sys.prefix, sys.base_prefix}]
scratch = "/scratch" if "mounts" in spec["layers"] else spec["room"]

if spec["become"] is not None:
    # An ordinary user may not reach this Python: show it at a place where they can, then start anew as that user.
    sandbox.enclose(["mounts"], readable)
    os.setgroups([])
    os.setresgid(*[spec["become"]] * 3)
    os.setresuid(*[spec["become"]] * 3)
    os.execv(sys.executable, [sys.executable, __file__, json.dumps(spec | {"become": None})])

sandbox.enclose(spec["layers"], readable, "/scratch")
for module in spec["warm"]:
    importlib.import_module(module)

child = os.fork()
if not child:
    os.closerange(3, 4096)
    began = perf_counter()
    try:
        uid = sandbox.NOBODY if os.geteuid() == 0 else None
        sandbox.confine(spec["layers"], sandbox.Limits(**spec["limits"]), readable, uid, scratch)
    except sandbox.SandboxError as error:
        print("NOT CONFINED", error, flush=True)
        os._exit(99)
    took = perf_counter() - began
    try:
        exec(spec["code"], {"room": spec["room"], "victim": spec["victim"], "took": took})
        print("through", flush=True)
    except BaseException as error:
        print(f"stopped {type(error).__name__}: {error}", flush=True)
    os._exit(0)
_, status = os.waitpid(child, 0)
print("ended", os.waitstatus_to_exitcode(status), flush=True)

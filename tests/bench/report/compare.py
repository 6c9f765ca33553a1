"""./dev bench --compare REV: another revision beside this tree, in turn, round for round."""
import json
import os
import subprocess

import samples as of
import tables

# Whether more is better; what is not here is only shown in samples.jsonl.
METRICS = {"p50_us": False, "p99_us": False, "mb_s": True, "cpu_ms_mb": False, "cpu_us_kb": False, "resident_less_history_mb": False,
           "reader_kb": False, "serving_ms": False, "idle_percent": False, "event_p50_ms": False, "beside_alone": True}
THIS, OTHER = "this", "other"


def _run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"./dev bench --compare: {' '.join(command)} failed:\n{done.stdout[-4000:]}")
    return done.stdout


def build(root, revision):
    """The program `vserd` of that revision. It stays in build/compare, so that the next comparison finds it."""
    commit = _run(["git", "rev-parse", "--verify", f"{revision}^{{commit}}"], root).strip()
    tree = os.path.join(root, "build", "compare", commit[:12])
    if not os.path.exists(os.path.join(tree, "CMakePresets.json")):
        os.makedirs(tree, exist_ok=True)
        archive = subprocess.run(["git", "archive", commit], cwd=root, stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    print(f"building vserd of {revision} ({commit[:12]}) in {os.path.relpath(tree, root)}", flush=True)
    _run(["cmake", "--preset", "bench"], tree)
    # The cache also knows sources of another directory.
    _run(["env", f"CCACHE_BASEDIR={tree}", "cmake", "--build", "build/bench", "--target", "vserd"], tree)
    return os.path.join(tree, "build", "bench", "bin", "vserd")


def measure(options, folder, command, other):
    """Samples of both, with `side`. Each round begins with the one that ended the last, so that neither is always first."""
    for number in range(1 if options.quick else options.rounds):
        sides = [(THIS, None), (OTHER, other)]
        for side, program in sides if number % 2 == 0 else reversed(sides):
            words = command(options, folder, rounds=1, vserd=program)
            with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as harness:
                for line in harness.stdout:
                    yield {**json.loads(line), "round": number, "side": side}
            if harness.returncode != 0:
                raise RuntimeError(f"some runs of bridge_bench failed with vserd of {side}")


def _verdict(ratios, higher_is_better):
    interval = of.interval(ratios)
    if interval is None:
        return "none: too few rounds"
    low, high = interval
    if low > 1 or high < 1:
        return "better" if (low > 1) == higher_is_better else "worse"
    return "none: too noisy" if of.is_noisy(interval) else "no difference seen"


def table(samples, revision):
    """this / other for each case, contender and metric."""
    rows = []
    sides = [[s for s in samples if s["side"] == side] for side in (THIS, OTHER)]
    for case in of.ordered(samples, "case"):
        for contender in of.ordered([s for s in samples if s["case"] == case], "contender"):
            for metric, higher in METRICS.items():
                ours, theirs = (of.values(side, case, contender, metric) for side in sides)
                ratios = [ours[r] / theirs[r] for r in ours if theirs.get(r)]
                if ratios:
                    rows.append([case, contender, tables.METRICS[metric], *(tables.number(of.middle(list(v.values()))) for v in (theirs, ours)),
                                 f"{of.middle(ratios):.3f}", of.spread(ratios), _verdict(ratios, higher)])
    head = ["case", "contender", "metric", revision, "this", "ratio", "spread", "verdict"]
    return f"## This tree against {revision}\n\n" + tables.table(head, rows)

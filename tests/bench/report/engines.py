"""./dev bench engines: the engines side by side, as a table of medians and of ratios against epoll within a round."""
import json
import os
import statistics
import subprocess
import sys

BASE = "epoll"


def measure(words, samples_path):
    """Runs engine_bench, here or in the virtual machine, whose console says other things too."""
    samples = []
    with open(samples_path, "w") as file:
        harness = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        for line in harness.stdout:
            if not line.startswith("{"):
                continue
            file.write(line)
            samples.append(json.loads(line))
            print("  " + line.strip(), flush=True)
        if harness.wait() != 0:
            sys.exit("engine_bench failed")
    return samples


def ratio(samples, base, key):
    """The median over rounds of a value against the base's in the same round."""
    bases = {s["round"]: s[key] for s in base}
    ratios = [s[key] / bases[s["round"]] for s in samples if bases.get(s["round"])]
    return f"{statistics.median(ratios):.2f}x" if ratios else ""


def table(samples):
    lines = ["| load | engine | CPU ns/byte | against " + BASE + " | p50 us | against " + BASE + " | p99 us | MB/s |",
             "|---|---|---|---|---|---|---|---|"]
    cases = dict.fromkeys((s["load"], s["ports"]) for s in samples)
    for load, ports in cases:
        of_case = [s for s in samples if (s["load"], s["ports"]) == (load, ports)]
        base = [s for s in of_case if s["engine"] == BASE]
        for engine in dict.fromkeys(s["engine"] for s in of_case):
            own = [s for s in of_case if s["engine"] == engine]
            median = {key: statistics.median(s[key] for s in own) for key in ("cpu_ns_per_byte", "p50_us", "p99_us", "bytes")}
            timed = load == "trickle" and median["p50_us"] > 0  # none where the pieces came too fast to tell apart
            seconds = own[0]["seconds"]
            lines.append(
                f"| {load}, {ports} | {engine} | {median['cpu_ns_per_byte']:.1f} | {ratio(own, base, 'cpu_ns_per_byte')} | "
                + (f"{median['p50_us']:.1f} | {ratio(own, base, 'p50_us')} | {median['p99_us']:.0f}" if timed else " | | ")
                + f" | {median['bytes'] / seconds / 1e6:.2f} |")
    return "\n".join(lines) + "\n"


def main(options):
    rounds, seconds = (1, 0.3) if options.quick else (options.rounds, options.seconds)
    words = [os.path.join(options.build, "bin", "engine_bench")]
    name = "engines"
    if options.vser:
        run = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "kmod", "bench", "run")
        # An emulated machine cannot bear 128 ports of 115200 baud: a tenth of it.
        words = [run, "--build-dir", options.build, "--kernel", options.vser, "--engines", "--interval-ms", "100"]
        name = "engines-vser-" + options.vser
    samples = measure(words + ["--rounds", str(rounds), "--seconds", str(seconds)],
                      os.path.join(options.output, name + ".jsonl"))
    for sample in samples:
        sample["seconds"] = seconds
    text = table(samples)
    print("\n" + text)
    with open(os.path.join(options.output, name + ".md"), "w") as file:
        file.write(text)
    return 0

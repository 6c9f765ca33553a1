"""What the samples say: medians, and ratios within a round, so that what slows a whole round slows both sides."""
import statistics


def values(samples, case, contender, metric):
    """{round: value}"""
    return {s["round"]: s[metric] for s in samples if s["case"] == case and s["contender"] == contender and metric in s}


def median(samples, case, contender, metric):
    """None where there is no such sample."""
    found = values(samples, case, contender, metric)
    return statistics.median(found.values()) if found else None


def ratio(samples, case, metric, contender, to):
    """The median over the rounds of contender / to, or None."""
    ours, theirs = values(samples, case, contender, metric), values(samples, case, to, metric)
    ratios = [ours[r] / theirs[r] for r in ours if theirs.get(r)]
    return statistics.median(ratios) if ratios else None


def ordered(samples, key):
    """The values of a key, in order of first appearance."""
    return list(dict.fromkeys(s[key] for s in samples))

"""What the samples say: medians, and ratios within a round, so that what slows a whole round slows both sides."""
import math
import statistics

CONFIDENCE = 0.9
NOISY = 1.25  # a median that may be anywhere in a wider range says nothing


def values(samples, case, contender, metric):
    """{round: value}"""
    return {s["round"]: s[metric] for s in samples if s["case"] == case and s["contender"] == contender and metric in s}


def failures(samples, case, contender):
    """What the runs without figures say, one for each: "cannot", "lost bytes" or "failed"."""
    return [s["failed"] for s in samples if s["case"] == case and s["contender"] == contender and "failed" in s]


def middle(found):
    """The median; None of nothing."""
    return statistics.median(found) if found else None


def median(samples, case, contender, metric):
    """None where there is no such sample."""
    return middle(list(values(samples, case, contender, metric).values()))


def ratios(samples, case, metric, contender, to):
    """contender / to of each round that has both."""
    ours, theirs = values(samples, case, contender, metric), values(samples, case, to, metric)
    return [ours[r] / theirs[r] for r in ours if theirs.get(r)]


def interval(found):
    """Where the true median lies with 90 % probability, whatever the distribution; None for fewer than five values."""
    count = len(found)
    best = None
    for skipped in range(count // 2):
        outside = 2 * sum(math.comb(count, k) for k in range(skipped + 1)) / 2**count
        if 1 - outside >= CONFIDENCE:
            best = skipped
    if best is None:
        return None
    ascending = sorted(found)
    return ascending[best], ascending[-1 - best]


def is_noisy(interval_):
    """Whether an interval is too wide for any statement."""
    low, high = interval_
    return low != high and (low <= 0 or high / low > NOISY)


def bounds(found):
    """The interval, or the whole range of a few values."""
    return interval(found) or (min(found), max(found))


def spread(found):
    """The same as text; nothing of nothing."""
    return "{:.3g} to {:.3g}".format(*bounds(found)) if found else ""


def ordered(samples, key):
    """The values of a key, in order of first appearance."""
    return list(dict.fromkeys(s[key] for s in samples))

#!/usr/bin/env python3
"""What the bench says of samples: medians and spreads, verdicts, contenders that fail, and what goes into the READMEs."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "report"))
import chart  # noqa: E402
import readme  # noqa: E402
import rfc2217  # noqa: E402
import samples as of  # noqa: E402
import tables  # noqa: E402
import targets  # noqa: E402

ECHO = "echo p50, vserd / tuned"


def taken(case, contender, metric, values):
    return [{"case": case, "contender": contender, "round": number, metric: value} for number, value in enumerate(values)]


def failed(case, contender, what, rounds=5):
    return [{"case": case, "contender": contender, "round": number, "failed": what} for number in range(rounds)]


def echoes(*ratios):
    """Samples whose echo takes so many times as long as tuned ser2net's."""
    tuned = taken("echo", "ser2net-tuned", "p50_us", [50] * len(ratios))
    return tuned + taken("echo", "vserd", "p50_us", [50 * ratio for ratio in ratios])


def verdict(samples, name=ECHO):
    return next(row.verdict for row in targets.judge(samples) if row.target.name == name)


class Spread(unittest.TestCase):
    def test_five_rounds_bound_the_median(self):
        self.assertEqual(of.interval([5, 1, 4, 2, 3]), (1, 5))
        self.assertEqual(of.interval([8, 1, 7, 2, 3, 6, 4, 5]), (2, 7))

    def test_fewer_rounds_bound_nothing_but_have_a_range(self):
        self.assertIsNone(of.interval([1, 2, 3, 4]))
        self.assertEqual(of.spread([3, 1, 2]), "1 to 3")

    def test_equal_rounds_are_not_noisy_even_if_nothing_was_used(self):
        self.assertFalse(of.is_noisy((0, 0)))
        self.assertTrue(of.is_noisy((0, 1)))

    def test_ratios_are_within_a_round(self):
        samples = taken("echo", "a", "p50_us", [10, 40]) + taken("echo", "b", "p50_us", [5, 20])
        self.assertEqual(of.ratios(samples, "echo", "p50_us", "a", "b"), [2, 2])

    def test_a_round_in_which_one_failed_has_no_ratio(self):
        samples = taken("echo", "a", "p50_us", [10, 40]) + taken("echo", "b", "p50_us", [5])
        samples += [{"case": "echo", "contender": "b", "round": 1, "failed": "lost bytes"}]
        self.assertEqual(of.ratios(samples, "echo", "p50_us", "a", "b"), [2])


class Verdicts(unittest.TestCase):
    def test_by_the_median_of_five_rounds(self):
        self.assertEqual(verdict(echoes(1.20, 1.21, 1.22, 1.23, 1.24)), "aim reached")
        self.assertEqual(verdict(echoes(1.40, 1.41, 1.42, 1.43, 1.44)), "must reached")
        self.assertEqual(verdict(echoes(1.60, 1.61, 1.62, 1.63, 1.64)), "missed")

    def test_none_of_few_rounds(self):
        self.assertEqual(verdict(echoes(1, 1, 1, 1)), "none: too few rounds")

    def test_none_where_the_promise_is_within_a_wide_spread(self):
        self.assertEqual(verdict(echoes(1.2, 1.3, 1.4, 1.6, 1.8)), "none: too noisy")

    def test_one_where_even_the_worst_round_is_clear(self):
        self.assertEqual(verdict(echoes(2, 2.5, 3, 3.5, 4)), "missed")

    def test_a_row_stays_when_its_runs_failed(self):
        samples = taken("echo", "vserd", "p50_us", [1] * 5) + failed("echo", "ser2net-tuned", "lost bytes")
        self.assertEqual(verdict(samples), "none: a run failed")
        self.assertIn("none: a run failed", tables.verdicts(targets.judge(samples)))

    def test_who_cannot_do_a_case_fails_no_row(self):
        self.assertEqual(targets.judge(failed("read64", "socat", "cannot")), [])

    def test_a_message_of_64_bytes_is_a_15625th_of_a_megabyte(self):
        samples = taken("write64", "vserd", "cpu_ms_mb", [100] * 5)
        row, = targets.judge(samples)
        self.assertAlmostEqual(row.value, 6.4)
        self.assertEqual(row.verdict, "missed")


class Promises(unittest.TestCase):
    def test_each_is_of_a_case_and_a_metric_that_the_tables_show(self):
        for target in targets.TARGETS:
            with self.subTest(target.name):
                self.assertIn(target.case, tables.TITLES)
                with mock.patch.object(of, "values", lambda *asked: {0: 1} if asked[-1] in tables.METRICS else {}):
                    self.assertTrue(target.measure([], target.case))

    def test_the_aim_is_beyond_what_must_be(self):
        for target in targets.TARGETS:
            if target.must is not None:
                self.assertGreaterEqual((target.aim - target.must) * (1 if target.higher else -1), 0, target.name)

    def test_names_differ(self):
        names = [target.name for target in targets.TARGETS]
        self.assertEqual(len(names), len(set(names)))


class Tables(unittest.TestCase):
    def row(self, samples, contender):
        section, = tables.cases(samples)
        line = next(line for line in section.splitlines() if line.startswith(f"| {contender}"))
        return [cell.strip() for cell in line.strip("|").split("|")]

    def test_medians_and_noise(self):
        samples = taken("read1", "vserd", "mb_s", [100, 101, 102]) + taken("read1", "socat", "mb_s", [100, 150, 200])
        self.assertEqual(self.row(samples, "vserd"), ["vserd", "101"])
        self.assertEqual(self.row(samples, "socat"), ["socat", "~150"])

    def test_contenders_without_figures(self):
        samples = taken("read8", "vserd", "mb_s", [1] * 5)
        samples += failed("read8", "socat", "cannot") + failed("read8", "conserver", "lost bytes")
        self.assertEqual(self.row(samples, "socat"), ["socat", "-"])
        self.assertEqual(self.row(samples, "conserver"), ["conserver", "lost bytes"])

    def test_a_contender_that_failed_now_and_then_is_not_shown_as_good(self):
        samples = taken("read8", "conserver", "mb_s", [10, 10, 10])
        samples += [{**sample, "round": 3} for sample in failed("read8", "conserver", "lost bytes", 1)]
        self.assertEqual(self.row(samples, "conserver"), ["conserver (lost bytes in 1 of 4 rounds)", "10"])

    def test_csv_has_the_spread(self):
        self.assertEqual(tables.csv(taken("read1", "vserd", "mb_s", [1, 3, 2])).splitlines()[1], "read1,vserd,mb_s,2,1,3,3")

    def test_picture_has_everyone_measured_and_where_from(self):
        samples = [s for contender in ("vserd", "ser2net", "socat") for s in taken("read1", contender, "mb_s", [10])]
        picture = chart.svg(samples, "2026-01-01, abc, <machine>")
        for word in ("vserd 10", "ser2net 10", "socat 10", "2026-01-01, abc, &lt;machine&gt;"):
            self.assertIn(word, picture)
        self.assertNotIn("conserver 10", picture)
        self.assertIsNone(chart.svg(taken("read1", "vserd", "mb_s", [10]), ""))


class Readme(unittest.TestCase):
    origin = readme.Origin("2026-01-02", "abc", "./dev bench --readme", "a machine", 0.25)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "tests/bench").mkdir(parents=True)

    def plant(self, path, text):
        (self.root / path).write_text(text, encoding="utf-8")

    def write(self):
        return readme.write(self.root, self.origin, "VERDICTS\n", "CASES\n", "PICTURE")

    def test_replaces_what_was_made_and_nothing_else(self):
        self.plant("README.md", f"above\n{readme.BEGIN}\nold\n{readme.END}\nbelow\n")
        self.plant("tests/bench/README.md", f"{readme.BEGIN}\n{readme.END}\n")
        self.write()
        first = (self.root / "README.md").read_text(encoding="utf-8")
        self.assertTrue(first.startswith("above\n") and first.endswith(f"VERDICTS\n{readme.END}\nbelow\n"))
        self.assertNotIn("old", first)
        for word in ("2026-01-02", "revision abc", "`./dev bench --readme`", "a machine", "load 0.2"):
            self.assertIn(word, first)
        self.assertIn("CASES", (self.root / "tests/bench/README.md").read_text(encoding="utf-8"))
        self.assertEqual((self.root / "tests/bench/results.svg").read_text(encoding="utf-8"), "PICTURE")
        self.write()
        self.assertEqual((self.root / "README.md").read_text(encoding="utf-8"), first)

    def test_without_a_place_nothing_is_written(self):
        self.plant("README.md", f"{readme.BEGIN}\nold\n{readme.END}\n")
        self.plant("tests/bench/README.md", "no place\n")
        with self.assertRaises(ValueError):
            self.write()
        self.assertIn("old", (self.root / "README.md").read_text(encoding="utf-8"))

    def test_the_project_has_the_places(self):
        for path in ("README.md", "tests/bench/README.md"):
            text = (HERE.parent.parent / path).read_text(encoding="utf-8")
            self.assertIn("new", readme.replaced(text, "new"))

    def test_only_whole_measurements(self):
        good = {"case": [], "contender": [], "quick": False, "rounds": 5, "compare": None}
        self.assertIsNone(readme.objection(argparse.Namespace(**good)))
        for option, value in [("case", ["echo"]), ("contender", ["vserd"]), ("quick", True), ("rounds", 4), ("compare", "HEAD")]:
            self.assertIn("--readme", readme.objection(argparse.Namespace(**{**good, option: value})), option)

    def test_revision_tells_of_changes(self):
        def git(*words):
            subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=self.root, check=True,
                           stdout=subprocess.DEVNULL)

        git("init", "-q")
        self.plant("file", "1")
        git("add", ".")
        git("commit", "-qm", "first")
        self.assertRegex(readme.revision(self.root), r"^[0-9a-f]{10}$")
        self.plant("file", "2")
        self.assertRegex(readme.revision(self.root), r"^[0-9a-f]{10} with changes$")

    def test_revision_of_no_git_tree(self):
        with mock.patch.dict(os.environ, {"GIT_CEILING_DIRECTORIES": str(self.root.parent)}):
            self.assertIn("unknown", readme.revision(self.root))


class Rfc2217(unittest.TestCase):
    options = argparse.Namespace(quick=True, contender=[])

    def measured(self, run):
        with mock.patch.object(rfc2217, "_run", run), mock.patch("sys.stderr"):
            return list(rfc2217.measure(self.options, ""))

    def test_others_may_lose_bytes(self):
        def run(contender, *_):
            if contender == "pyserial":
                raise rfc2217.LostBytes("some")
            if contender == "ser2net-tuned":
                raise RuntimeError("does not listen")
            return {"mb_s": 1}

        self.assertEqual([s.get("failed") for s in self.measured(run)], ["failed", "lost bytes", None])

    def test_vserd_may_not(self):
        def run(*_):
            raise rfc2217.LostBytes("some")

        with self.assertRaisesRegex(RuntimeError, "vserd: some"):
            self.measured(run)


class Samples(unittest.TestCase):
    def test_failures_survive_the_way_through_a_file(self):
        sample = json.loads('{"case": "read8", "contender": "socat", "round": 0, "failed": "cannot"}')
        self.assertEqual(of.failures([sample], "read8", "socat"), ["cannot"])
        self.assertIsNone(of.median([sample], "read8", "socat", "mb_s"))


if __name__ == "__main__":
    unittest.main()

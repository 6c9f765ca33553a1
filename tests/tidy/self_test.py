#!/usr/bin/env python3
"""The checks are checked: each fault they exist for is planted in a small tree and must be found, and nothing else."""
import os
import tempfile
import unittest

import arrows
import protos
import tree


class Planted(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.root = self._folder.name

    def plant(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def expect(self, check, *words):
        faults = check(self.root)
        self.assertEqual(len(faults), len(words), faults)
        for fault, word in zip(faults, words):
            self.assertIn(word, fault)


class Arrows(Planted):
    def test_downward_includes_pass(self):
        self.plant("server/hub/hub.cpp", '#include "hub/hub.hpp"\n#include "port/port.hpp"\n#include <vector>\n')
        self.plant("server/config/config.cpp", '#include "line/settings.hpp"\n#include <toml++/toml.h>\n')
        self.plant("server/app/main.cpp", '#include "rpc/server.hpp"\n#include <systemd/sd-daemon.h>\n')
        self.plant("server/port/device.cpp", '#include "sim/sim_line.hpp"\n')
        self.expect(arrows.check)

    def test_an_upward_include_is_found_with_its_line(self):
        self.plant("server/io/loop.cpp", '#include <vector>\n\n#include "hub/hub.hpp"\n')
        self.expect(arrows.check, "server/io/loop.cpp:3:")

    def test_config_may_see_one_header_of_line_only(self):
        self.plant("server/config/config.cpp", '#include "line/line.hpp"\n')
        self.expect(arrows.check, '"line/line.hpp"')

    def test_the_line_does_not_see_the_simulator(self):
        self.plant("server/line/tty_line.cpp", '#include "sim/sim_line.hpp"\n')
        self.plant("server/port/port.cpp", '#include "sim/simulator.hpp"\n')
        self.expect(arrows.check, "server/line/tty_line.cpp:1:", "server/port/port.cpp:1:")

    def test_nothing_lies_directly_in_server(self):
        self.plant("server/main.cpp", "int main() {}\n")
        self.expect(arrows.check, "server/main.cpp: belongs in a folder")

    def test_spaces_in_the_directive_do_not_hide_it(self):
        self.plant("server/line/sim.cpp", '  #  include "port/port.hpp"\n')
        self.expect(arrows.check, '"port/port.hpp"')

    def test_third_party_outside_its_layer_is_found(self):
        self.plant("server/port/port.cpp", "#include <liburing.h>\n")
        self.plant("server/hub/hub.cpp", "#include <grpcpp/grpcpp.h>\n")
        self.expect(arrows.check, "<grpcpp/grpcpp.h>", "<liburing.h>")

    def test_generated_messages_outside_rpc_are_found(self):
        self.plant("server/hub/hub.cpp", '#include "vser/v1/types.pb.h"\n')
        self.expect(arrows.check, "vser/v1/types.pb.h")

    def test_unknown_layer_and_unguarded_header_are_found(self):
        self.plant("server/io/fd.hpp", "int x;\n")
        self.plant("server/util/x.cpp", "int y;\n")
        self.expect(arrows.check, "#pragma once", "not a layer")


class Protos(Planted):
    HEAD = "package vser.v1;\n"

    def test_commented_file_passes(self):
        self.plant("proto/vser/v1/a.proto", self.HEAD + "// M.\nmessage M {\n  // F.\n  uint64 f = 1;\n  reserved 2;\n}\n")
        self.expect(protos.check)

    def test_each_bare_element_is_found(self):
        self.plant(
            "proto/vser/v1/a.proto",
            self.HEAD + "message M {\n  uint64 f = 1;\n  oneof o {\n    bool b = 2;\n  }\n}\nenum E {\n  E_UNSPECIFIED = 0;\n}\n",
        )
        self.expect(protos.check, "M has", "f has", "o has", "b has", "E has", "E_UNSPECIFIED has")

    def test_enum_zero_must_be_unspecified(self):
        self.plant("proto/vser/v1/a.proto", self.HEAD + "// E.\nenum E {\n  // Z.\n  E_ZERO = 0;\n}\n")
        self.expect(protos.check, "E_ZERO")

    def test_rpc_must_name_its_codes(self):
        rpc = "  // {}\n  rpc R(A) returns (B);\n"
        self.plant("proto/vser/v1/a.proto", self.HEAD + "// S.\nservice S {\n" + rpc.format("Does it.") + "}\n")
        self.plant("proto/vser/v1/b.proto", self.HEAD + "// S.\nservice T {\n" + rpc.format("NOT_FOUND: no.") + "}\n")
        self.expect(protos.check, "status codes")

    def test_package_must_be_the_path(self):
        self.plant("proto/vser/v1/a.proto", "package vser.v2;\n")
        self.expect(protos.check, "vser.v1")


class Tree(Planted):
    def test_orderly_tree_passes(self):
        self.plant("server/README.md", "Here.\n")
        self.plant("server/io/README.md", "Here.\n")
        self.plant("server/io/fd.hpp", "#pragma once\n")
        self.plant("build/debug/x.cpp", "/" + "root/x\n")
        self.plant(".ci/run", "exec ./dev test\n")
        self.expect(tree.check)

    def test_missing_readme_is_found(self):
        self.plant("server/README.md", "Here.\n")
        self.plant("server/io/fd.hpp", "#pragma once\n")
        self.plant("server/io/deep/fd.hpp", "#pragma once\n")
        self.expect(tree.check, "server/io/")

    def test_stray_top_level_name_is_found(self):
        self.plant("extra/README.md", "Here.\n")
        self.expect(tree.check, "extra: ")

    def test_machine_path_is_found(self):
        self.plant("tests/README.md", "see /" + "home/somebody/notes\n")
        self.plant("tests/run", "cd /" + "work/main && ./frame" + "work/x\n")
        self.expect(tree.check, "README.md:1", "tests/run:1")

    def test_a_file_too_long_is_found(self):
        self.plant("server/README.md", "Here.\n")
        self.plant("server/app/README.md", "Here.\n")
        self.plant("server/app/main.cpp", "int x;\n" * (tree.LINES_MAX + 1))
        self.expect(tree.check, "second idea")


if __name__ == "__main__":
    unittest.main()

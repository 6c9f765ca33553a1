// Writes the licences of the packages that are in the page to THIRD_PARTY_LICENSES.txt, and fails on one without.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const MODULE = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//;
const apache = readFileSync(new URL("../../../LICENSE", import.meta.url), "utf8");

// Parts of these packages that come from elsewhere say so at the head of their sources only.
const PARTS = {
  "@bufbuild/protobuf": ["dist/esm/wire/varint.js", /^(?:\/\/.*\n)+/],
  "@xterm/xterm": ["src/vs/base/common/event.ts", /^\/\*[^]*?\*\//],
};

function noticeOfParts(folder, name) {
  if (!(name in PARTS)) return "";
  const [file, head] = PARTS[name];
  const found = head.exec(readFileSync(join(folder, file), "utf8"));
  if (!found?.[0].includes("Copyright")) throw new Error(`${name}: ${file} no longer begins with its licence`);
  const text = found[0].replaceAll(/^[ \t]*(?:\/\/|\/\*|\*)?[-*/]*[ \t]?/gm, "").trim();
  return `\nParts of it come from others:\n\n${text}\n`;
}

function licenseOf(folder, description) {
  for (const name of ["LICENSE", "LICENSE.md", "LICENSE.txt"]) {
    if (existsSync(join(folder, name))) return readFileSync(join(folder, name), "utf8");
  }
  // Packages that name this licence and do not ship its text, which is ours too.
  if (description.license.includes("Apache-2.0")) return apache;
  throw new Error(`${description.name}: ships no licence text`);
}

function notice(folder) {
  const description = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const text = licenseOf(folder, description).replaceAll("\r\n", "\n").trim();
  const title = `${description.name} ${description.version}: ${description.license}`;
  return `${title}\n\n${text}\n${noticeOfParts(folder, description.name)}`;
}

/** A plugin of Vite. */
export function thirdPartyLicenses() {
  return {
    name: "third-party-licenses",
    apply: "build",
    generateBundle(_options, bundle) {
      const folders = new Map();
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.moduleIds ?? []) {
          const found = MODULE.exec(id.replaceAll("\\", "/"));
          if (found) folders.set(found[2], found[1]);
        }
      }
      const notices = [...folders.keys()].sort().map((name) => notice(folders.get(name)));
      if (notices.length === 0) this.error("no third-party module was found in the page");
      const rule = `\n${"-".repeat(100)}\n\n`;
      const head = "The page contains these packages. Their licences follow.\n";
      this.emitFile({ type: "asset", fileName: "THIRD_PARTY_LICENSES.txt", source: [head, ...notices].join(rule) });
    },
  };
}

// Generates the TypeScript of the messages, src/gen, from proto/vser/v1.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const proto = process.env.VSERD_PROTO ?? join(web, "../../proto");
const output = join(web, "src/gen");

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const sources = readdirSync(join(proto, "vser/v1"))
  .filter((name) => name.endsWith(".proto"))
  .sort()
  .map((name) => `vser/v1/${name}`);
execFileSync(
  "protoc",
  [
    `--plugin=protoc-gen-es=${join(web, "node_modules/.bin/protoc-gen-es")}`,
    `--es_out=${output}`,
    "--es_opt=target=ts,import_extension=none",
    `--proto_path=${proto}`,
    ...sources,
  ],
  { stdio: "inherit" },
);

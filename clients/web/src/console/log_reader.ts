/** Reads parts of a port's log: lines that match, a page of lines, bytes to save. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";

import type { ReadRequestSchema, ReadResponse } from "../gen/vser/v1/console_service_pb";
import type { Data, EndPointSchema, StartPointSchema, Text } from "../gen/vser/v1/types_pb";
import { Encoding } from "../gen/vser/v1/types_pb";
import { Failure } from "../rpc/failure";
import { READ } from "../rpc/kinds";
import type { Server } from "../rpc/server";
import { Stream } from "../rpc/stream";
import { plainText } from "./plain_text";

export interface Source {
  server: Server;
  port: string;
  /** Ends the reading; the result is then a failure. */
  signal: AbortSignal;
}

export interface Range {
  from: MessageInitShape<typeof StartPointSchema>;
  until?: MessageInitShape<typeof EndPointSchema>;
}

export interface Line {
  offset: bigint;
  time: Date | undefined;
  text: string;
}

export interface Lines {
  lines: Line[];
  /** Bytes of the range that the server no longer has. */
  missing: bigint;
  /** There is more than was asked for. */
  cut: boolean;
}

type Take = (item: ReadResponse["item"]) => boolean;

/** Calls `take` for each reply until it returns false. */
function read(source: Source, request: MessageInitShape<typeof ReadRequestSchema>, take: Take): Promise<void> {
  return new Promise((resolve, reject) => {
    source.signal.addEventListener("abort", () => {
      stream.close();
      reject(new Failure("canceled", "canceled"));
    });
    const stream = new Stream(source.server, READ, { port: source.port, ...request }, {
      message: ({ item }) => {
        try {
          if (take(item)) return;
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        stream.close();
      },
      ended: (failure) => (failure ? reject(failure) : resolve()),
    });
  });
}

const lineOf = (text: Text): Line => ({
  offset: text.offset,
  time: text.receiveTime && timestampDate(text.receiveTime),
  text: plainText(text.text.replace(/[\r\n]+$/, "")),
});

/** The lines that match a pattern of RE2, at most `most`. */
export async function search(source: Source, range: Range, match: string, most: number): Promise<Lines> {
  const found: Lines = { lines: [], missing: 0n, cut: false };
  await read(source, { ...range, match, encoding: Encoding.TEXT }, (item) => {
    if (item.case === "gap") found.missing += item.value.to - item.value.from;
    if (item.case === "text") found.lines.push(lineOf(item.value));
    found.cut = found.lines.length >= most;
    return !found.cut;
  });
  return found;
}

const LF = 10;

/** Bytes that are split at LF; each line keeps the offset and the time of its first byte. */
class LineSplitter {
  readonly lines: Line[] = [];
  end = 0n;
  private open: { offset: bigint; time: Date | undefined; parts: Uint8Array[] } | undefined;

  add(data: Data): void {
    let begin = 0;
    while (begin < data.bytes.length) {
      const feed = data.bytes.indexOf(LF, begin);
      const end = feed < 0 ? data.bytes.length : feed + 1;
      this.open ??= { offset: data.offset + BigInt(begin), time: data.receiveTime && timestampDate(data.receiveTime), parts: [] };
      this.open.parts.push(data.bytes.subarray(begin, end));
      if (feed >= 0) this.finish();
      begin = end;
    }
    this.end = data.offset + BigInt(data.bytes.length);
  }

  finish(): void {
    if (!this.open) return;
    const decoder = new TextDecoder();
    const text = this.open.parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
    this.lines.push({ offset: this.open.offset, time: this.open.time, text: plainText(text) });
    this.open = undefined;
  }
}

/** The lines of at most `maxBytes` bytes of a range. */
export async function page(source: Source, range: Range, maxBytes: bigint): Promise<Lines & { end: bigint }> {
  const splitter = new LineSplitter();
  let missing = 0n;
  await read(source, { ...range, maxBytes, exactTimes: true }, (item) => {
    if (item.case === "gap") missing += item.value.to - item.value.from;
    if (item.case === "data") splitter.add(item.value);
    return true;
  });
  splitter.finish();
  return { lines: splitter.lines, missing, cut: false, end: splitter.end };
}

/** The bytes of a range, at most `most`. */
export async function bytes(
  source: Source,
  range: Range,
  most: number,
  progress: (bytes: number) => void,
): Promise<{ parts: Uint8Array<ArrayBuffer>[]; first: bigint; missing: bigint }> {
  const got = { parts: [] as Uint8Array<ArrayBuffer>[], first: -1n, missing: 0n };
  let size = 0;
  await read(source, { ...range }, (item) => {
    if (item.case === "gap") got.missing += item.value.to - item.value.from;
    if (item.case !== "data") return true;
    if (got.first < 0n) got.first = item.value.offset;
    got.parts.push(item.value.bytes.slice());
    size += item.value.bytes.length;
    progress(size);
    if (size <= most) return true;
    throw new Failure("resource_exhausted", `the range has more than ${most} bytes; choose a shorter one`);
  });
  return got;
}

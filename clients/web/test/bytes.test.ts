import { expect, test } from "vitest";

import { LineTimes } from "../src/console/line_times";
import { OpenLine } from "../src/console/open_line";
import { plainText } from "../src/console/plain_text";
import { TailLine } from "../src/ports/tail_line";
import { formatBytes, Traffic } from "../src/ports/traffic";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

test("plain text has no escape sequences, no controls and no marks that turn the direction of text", () => {
  expect(plainText("a\x1b[31mb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x9b\x00e\u202ef\tg")).toBe("abcdef\tg");
});

test("an unfinished escape sequence is not text", () => {
  expect(plainText("a\x1b[3")).toBe("a");
  expect(plainText("a\x1b]52;c;abc")).toBe("a");
});

test("the last line is the last one that is not empty", () => {
  const line = new TailLine();
  line.append(bytes("first\r\nsec"));
  expect(line.text).toBe("sec");
  line.append(bytes("ond\r\n\r\n"));
  expect(line.text).toBe("second");
});

test("the last line of many bytes takes only the end of them", () => {
  const line = new TailLine();
  line.append(bytes("x".repeat(100_000) + "\nend"));
  line.append(bytes("!"));
  expect(line.text).toBe("end!");
});

test("traffic counts each second, and forgets after a minute", () => {
  const traffic = new Traffic();
  traffic.add(10, 100);
  traffic.add(5, 100);
  traffic.add(7, 101);
  expect(traffic.rates(102).slice(-2)).toEqual([15, 7]);
  expect(traffic.rates(161).reduce((sum, rate) => sum + rate)).toBe(0);
});

test("bytes are shown with at most three digits and a unit", () => {
  expect([0, 999, 1000, 123_456, 2_500_000].map(formatBytes)).toEqual(["0 B", "999 B", "1.0 kB", "123 kB", "2.5 MB"]);
});

test("each line gets the time of its first byte once", () => {
  const times = new LineTimes();
  const first = text(times.stamp(bytes("one\r\ntw"), "T1"));
  const second = text(times.stamp(bytes("o\r\n\r\nthree"), "T2"));
  expect(first).toBe("\x1b[90mT1\x1b[39m one\r\n\x1b[90mT1\x1b[39m tw");
  expect(second).toBe("o\r\n\r\n\x1b[90mT2\x1b[39m three");
});

test("an unfinished line can be printed again, unless it moves the cursor or is long", () => {
  const line = new OpenLine();
  line.append(bytes("done\r\n\x1b[32mpro"));
  line.append(bytes("mpt> "));
  expect(line.again).toBe("\x1b[32mprompt> ");
  line.append(bytes("\x1b[2J"));
  expect(line.again).toBeNull();
  line.append(bytes("\n"));
  expect(line.isEmpty).toBe(true);
  line.append(bytes("x".repeat(1000)));
  expect([line.isEmpty, line.again]).toEqual([false, null]);
});

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { eventText, formatText } from "../src/console/event_text";
import { Role } from "../src/gen/vser/v1/rights_pb";
import { EventSchema, FlowControl, FormatSchema, LeaseChange, Parity, StopBits } from "../src/gen/vser/v1/types_pb";

const say = (event: MessageInitShape<typeof EventSchema>["event"]) => eventText(create(EventSchema, { event }));

test("a format is written as people write it", () => {
  const format = { dataBits: 7, parity: Parity.EVEN, stopBits: StopBits.STOP_BITS_1_5, flowControl: FlowControl.XON_XOFF };
  expect(formatText(create(FormatSchema, format))).toBe("7E1.5, flow control XON/XOFF");
});

test("a refusal says who holds the port, or which role is needed", () => {
  expect(say({ case: "writer", value: { client: "ci", refusedBytes: 3n } })).toBe("3 bytes were not sent: ci holds the port");
  const roles = { refusedRequest: "set_baud", neededRole: Role.CONTROL, heldRole: Role.WRITE };
  expect(say({ case: "writer", value: roles })).toBe("set baud needs the role control; yours is write");
});

test("a takeover names both sides and the reason", () => {
  const change = LeaseChange.TAKEN_OVER;
  expect(say({ case: "writer", value: { client: "b", previous: "a", reason: "urgent", change } })).toBe(
    "b took the port over from a (urgent)",
  );
});

test("text from others cannot move the cursor", () => {
  expect(say({ case: "notice", value: { from: "x", text: "a\x1b[2Jb\rc" } })).toBe("notice from x: abc");
});

test("a break says how long it was", () => {
  expect(say({ case: "break", value: { duration: { seconds: 1n, nanos: 5_000_000 } } })).toBe("break of 1005 ms sent");
});

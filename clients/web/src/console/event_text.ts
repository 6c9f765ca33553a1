/** Events of the log as one line of text for people. */
import { timestampDate, type Duration } from "@bufbuild/protobuf/wkt";

import { Role } from "../gen/vser/v1/rights_pb";
import {
  FlowControl,
  LeaseChange,
  Parity,
  StopBits,
  type Event,
  type Format,
  type LineError,
  type Signals,
  type WriterChanged,
} from "../gen/vser/v1/types_pb";
import { plainText } from "./plain_text";

const PARITIES: Record<number, string> = {
  [Parity.NONE]: "N",
  [Parity.ODD]: "O",
  [Parity.EVEN]: "E",
  [Parity.MARK]: "M",
  [Parity.SPACE]: "S",
};
const STOPS: Record<number, string> = { [StopBits.STOP_BITS_1]: "1", [StopBits.STOP_BITS_1_5]: "1.5", [StopBits.STOP_BITS_2]: "2" };
const FLOWS: Record<number, string> = {
  [FlowControl.RTS_CTS]: ", flow control RTS/CTS",
  [FlowControl.XON_XOFF]: ", flow control XON/XOFF",
};

/** "8N1". */
export function formatText(format: Format | undefined): string {
  if (!format) return "";
  return `${format.dataBits}${PARITIES[format.parity] ?? "?"}${STOPS[format.stopBits] ?? "?"}${FLOWS[format.flowControl] ?? ""}`;
}

/** "control". */
export function roleText(role: Role): string {
  return Role[role]?.toLowerCase() ?? "unknown";
}

function signalsText(signals: Signals): string {
  const names = ["dtr", "rts", "cts", "dsr", "dcd", "ri"] as const;
  return `modem lines: ${names.filter((name) => signals[name]).join(" ").toUpperCase() || "all off"}`;
}

function lineErrorText(error: LineError): string {
  const kinds = ["frame", "parity", "overrun", "breaks"] as const;
  const counted = kinds.filter((kind) => error[kind] > 0n).map((kind) => `${error[kind]} ${kind}`);
  return `line errors: ${counted.join(", ")}`;
}

/** "1 byte was", "2 bytes were". */
export function bytesText(count: bigint | number): string {
  return `${count} ${Number(count) === 1 ? "byte was" : "bytes were"}`;
}

function refusalText(writer: WriterChanged): string | null {
  if (writer.neededRole) {
    const what = writer.refusedRequest.replaceAll("_", " ");
    return `${what} needs the role ${roleText(writer.neededRole)}; yours is ${roleText(writer.heldRole)}`;
  }
  const holder = writer.client || "another client";
  if (writer.refusedBytes > 0n) return `${bytesText(writer.refusedBytes)} not sent: ${holder} holds the port`;
  if (writer.refusedRequest) return `${writer.refusedRequest.replaceAll("_", " ")} was rejected: ${holder} holds the port`;
  return null;
}

function writerText(writer: WriterChanged): string {
  const refusal = refusalText(writer);
  if (refusal !== null) return refusal;
  if (writer.own) return "you hold the port";
  const reason = writer.reason ? ` (${writer.reason})` : "";
  if (writer.change === LeaseChange.TAKEN_OVER) return `${writer.client || "somebody"} took the port over from ${writer.previous}${reason}`;
  if (writer.client) return `${writer.client} holds the port${reason}`;
  return writer.previous ? `${writer.previous} no longer holds the port` : "nobody holds the port";
}

function milliseconds(duration: Duration | undefined): number {
  return duration ? Number(duration.seconds) * 1000 + Math.round(duration.nanos / 1e6) : 0;
}

function kindText(event: Event): string {
  const { case: kind, value } = event.event;
  switch (kind) {
    case "settings":
      return `${value.baud} baud, ${formatText(value.format)}${value.changedOutside ? ", set by another program" : ""}`;
    case "signals":
      return signalsText(value);
    case "lineError":
      return lineErrorText(value);
    case "offline":
      return `device disconnected: ${value.reason}`;
    case "online":
      return `device connected: ${value.device}`;
    case "break":
      return `break of ${milliseconds(value.duration)} ms sent`;
    case "writer":
      return writerText(value);
    case "flushed":
      return `${value.client || "a client"} discarded ${value.bytes} bytes that were not sent yet`;
    case "foreignReader":
      return value.processes.length > 0 ? `also read by ${value.processes.join(", ")}` : "no longer read by other programs";
    case "held":
      return value.held ? "flow control holds the output" : "flow control released the output";
    case "notice":
      return `notice from ${value.from}: ${value.text}`;
    default:
      return "an event that this page does not know";
  }
}

export function eventText(event: Event): string {
  return plainText(kindText(event));
}

const padded = (value: number, digits = 2) => String(value).padStart(digits, "0");

/** "12:34:56.789", in the time zone of the browser. */
export function timeText(date: Date): string {
  const seconds = `${padded(date.getSeconds())}.${padded(date.getMilliseconds(), 3)}`;
  return `${padded(date.getHours())}:${padded(date.getMinutes())}:${seconds}`;
}

/** "2026-11-28 12:34:56.789". */
export function dateText(date: Date): string {
  return `${date.getFullYear()}-${padded(date.getMonth() + 1)}-${padded(date.getDate())} ${timeText(date)}`;
}

export function eventTime(event: Event): string {
  return event.time ? timeText(timestampDate(event.time)) : "";
}

/**
 * What a device may not do to this page by escape sequences. Bytes from a device must not come back to it as if typed (terminal
 * reports), and must not reach the title, the clipboard or a link. Everything here is swallowed; text attributes, the cursor and
 * the alternate screen remain.
 */
import type { IFunctionIdentifier, IParser } from "@xterm/xterm";

/** Control sequences that make a terminal answer, or that manipulate its window. */
const REPORTS: readonly IFunctionIdentifier[] = [
  { final: "c" }, // DA1
  { prefix: ">", final: "c" }, // DA2
  { prefix: "=", final: "c" }, // DA3
  { final: "n" }, // DSR, the cursor's position
  { prefix: "?", final: "n" }, // DSR, private
  { final: "x" }, // DECREQTPARM
  { final: "t" }, // window operations
  { prefix: ">", final: "t" },
  { prefix: ">", final: "q" }, // XTVERSION
  { intermediates: "$", final: "p" }, // DECRQM
  { prefix: "?", intermediates: "$", final: "p" },
  { intermediates: "$", final: "w" }, // DECRQPSR
  { intermediates: "*", final: "y" }, // DECRQCRA
  { prefix: "?", final: "u" }, // keyboard protocol
];

/** Device control strings that make a terminal answer: DECRQSS, XTGETTCAP. */
const STRINGS: readonly IFunctionIdentifier[] = [
  { intermediates: "$", final: "q" },
  { intermediates: "+", final: "q" },
];

/**
 * Operating system commands: titles (0, 1, 2, 21), colours and their queries (4, 5, 10 to 19), directory (7), links (8),
 * notifications (9, 99, 777), clipboard (52), shells (133, 633), files and clipboard (1337).
 */
const COMMANDS: readonly number[] = [
  0, 1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 52, 99, 133, 633, 777, 1337,
];

/** Private modes in which moving the mouse or the focus sends bytes: mouse tracking, focus events, their encodings. */
const MODES: ReadonlySet<number> = new Set([9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2031, 2048]);

const swallow = () => true;

export function guard(parser: IParser): void {
  for (const id of REPORTS) parser.registerCsiHandler(id, swallow);
  for (const id of STRINGS) parser.registerDcsHandler(id, swallow);
  for (const command of COMMANDS) parser.registerOscHandler(command, swallow);
  parser.registerEscHandler({ final: "Z" }, swallow); // DECID
  // A sequence that sets one of the modes is swallowed with everything else that it sets.
  parser.registerCsiHandler({ prefix: "?", final: "h" }, (modes) => modes.flat().some((mode) => MODES.has(mode)));
}

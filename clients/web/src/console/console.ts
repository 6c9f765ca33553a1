/** A console: the terminal of one port and its controls. */
import { timestampDate } from "@bufbuild/protobuf/wkt";

import { Role } from "../gen/vser/v1/rights_pb";
import { State, type Data, type Event, type Gap, type Opened, type Port } from "../gen/vser/v1/types_pb";
import type { Failure } from "../rpc/failure";
import type { Server } from "../rpc/server";
import { button, element, setText } from "../ui/dom";
import { ConsoleStream, type Request } from "./console_stream";
import { dropCursor, loadCursor, saveCursor, type Cursor } from "./cursor";
import { bytesText, eventText, eventTime, formatText, roleText, timeText } from "./event_text";
import { HistoryDialog } from "./history_dialog";
import { LeaseButton } from "./lease_button";
import { LinePanel } from "./line_panel";
import { LineTimes } from "./line_times";
import { TerminalView } from "./terminal";

const EARLIER_BYTES = 256n * 1024n;
const INPUT_PIECE_BYTES = 16 * 1024;
const SAVE_MS = 500;

/** For touch screens, which have no such keys. */
const KEYS: readonly (readonly [string, string])[] = [
  ["Esc", "\x1b"],
  ["Tab", "\t"],
  ["Ctrl-C", "\x03"],
  ["Ctrl-D", "\x04"],
  ["↑", "\x1b[A"],
  ["↓", "\x1b[B"],
];
const CTRL_BRACKET = "\x1d";

export class Console {
  readonly element: HTMLElement;
  private readonly cursor: Cursor;
  private readonly stream: ConsoleStream;
  private readonly view: TerminalView;
  private readonly times = new LineTimes();
  private readonly panel = new LinePanel((item) => this.request(item));
  private readonly lease = new LeaseButton((item) => this.request(item));
  private readonly screen = element("div", { class: "screen" });
  private readonly summary = element("span", { class: "summary" });
  private readonly status = element("p", { class: "status", attributes: { role: "status" } });
  private readonly again = button("Reconnect", () => this.stream.reconnect(), { attributes: { hidden: true } });
  private readonly timesButton = button("Times", () => this.toggleTimes(), { attributes: { "aria-pressed": "false" } });
  private readonly earlierButton = button("Earlier", () => this.showEarlier(), {
    attributes: { title: "Show 256 KiB more of the history" },
  });
  private readonly toolbar: HTMLElement;
  private port: Port | undefined;
  private role = Role.UNSPECIFIED;
  private showTimes = false;
  /** Counts how often the screen was filled anew; bytes of an earlier time do not count as processed. */
  private filling = 0;
  private saveTimer = 0;

  constructor(
    private readonly server: Server,
    readonly name: string,
    close: () => void,
  ) {
    this.cursor = loadCursor(name);
    this.toolbar = this.makeToolbar(close);
    this.element = element(
      "section",
      { class: "console", attributes: { "aria-label": `Console ${name}` } },
      this.toolbar,
      this.screen,
      this.makeKeys(),
      element("div", { class: "foot" }, this.status, this.again),
    );
    this.view = new TerminalView(this.screen, {
      input: (bytes) => this.input(bytes),
      leave: () => this.toolbar.querySelector<HTMLElement>("summary, button:enabled")?.focus(),
    });
    this.view.label = `Terminal of ${name}. Control and right bracket leaves it.`;
    // For the developer tools and for tests.
    Object.assign(this.element, { terminal: this.view.terminal });
    this.stream = new ConsoleStream(server, name, this.cursor, {
      opened: (opened) => this.opened(opened),
      data: (data) => this.data(data),
      gap: (gap) => this.gap(gap),
      event: (event) => this.event(event),
      anew: () => this.note("the server's log began anew"),
      lost: (failure, retryMs) => this.lost(failure, retryMs),
    });
    this.say("connecting");
  }

  focus(): void {
    this.view.focus();
  }

  reconnect(): void {
    this.stream.reconnect();
  }

  /** The port as the list of ports knows it now. */
  updatePort(port: Port): void {
    this.port = port;
    setText(this.summary, `${port.state === State.ONLINE ? "online" : "offline"} · ${port.baud} ${formatText(port.format)}`);
    this.summary.title = port.offlineReason || port.device;
    this.lease.update(port.writer, this.role);
    this.showRights();
  }

  /** The console is closed for good, not only its page. */
  dispose(): void {
    this.stream.close();
    clearTimeout(this.saveTimer);
    dropCursor(this.name);
    this.view.dispose();
    this.element.remove();
  }

  private makeToolbar(close: () => void): HTMLElement {
    const line = element("details", { class: "menu" }, element("summary", {}, "Line"), this.panel.element);
    line.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      line.open = false;
      line.querySelector("summary")?.focus();
    });
    const history = button("History", () => new HistoryDialog(this.server, this.name, this.cursor.offset).show());
    return element(
      "header",
      { on: { keydown: (event) => this.returnToTerminal(event) } },
      element("h2", {}, this.name),
      this.summary,
      line,
      this.lease.element,
      history,
      this.earlierButton,
      this.timesButton,
      button("×", close, { attributes: { "aria-label": `Close console ${this.name}`, title: "Close" } }),
    );
  }

  private makeKeys(): HTMLElement {
    const encoder = new TextEncoder();
    const keys = KEYS.map(([label, text]) =>
      button(label, () => {
        this.input(encoder.encode(text));
        this.focus();
      }),
    );
    return element("div", { class: "keys", attributes: { role: "group", "aria-label": "Keys" } }, ...keys);
  }

  /** Ctrl-] once leaves the terminal; again, it is for the device. */
  private returnToTerminal(event: KeyboardEvent): void {
    if (!event.ctrlKey || event.key !== "]") return;
    event.preventDefault();
    this.input(new TextEncoder().encode(CTRL_BRACKET));
    this.focus();
  }

  private opened(opened: Opened): void {
    this.role = opened.role;
    this.again.hidden = true;
    this.element.dataset["state"] = "connected";
    if (opened.port) this.updatePort(opened.port);
    this.say(this.role < Role.WRITE ? "connected, read-only" : "connected");
  }

  private showRights(): void {
    const readOnly = this.role < Role.WRITE;
    this.view.readOnly = readOnly;
    this.element.classList.toggle("read-only", readOnly);
    if (this.port) this.panel.update(this.port, this.lineRefusal());
  }

  private lineRefusal(): string {
    if (this.role < Role.CONTROL) return `Changes need the role control; yours is ${roleText(this.role)}.`;
    return this.lease.isHeldByOther ? `${this.lease.heldBy} holds the port.` : "";
  }

  private data(data: Data): void {
    const time = data.receiveTime && this.showTimes ? timeText(timestampDate(data.receiveTime)) : "";
    const bytes = time ? this.times.stamp(data.bytes, time) : data.bytes;
    const end = data.offset + BigInt(data.bytes.length);
    const filling = this.filling;
    this.view.write(bytes, () => {
      if (filling === this.filling) this.processed(end);
    });
  }

  private processed(offset: bigint): void {
    this.element.dataset["offset"] = String(offset);
    this.stream.processedTo(offset);
    if (this.saveTimer) return;
    this.saveTimer = window.setTimeout(() => {
      this.saveTimer = 0;
      saveCursor(this.name, this.cursor.logId, this.cursor.start, BigInt(this.element.dataset["offset"] ?? "0"));
    }, SAVE_MS);
  }

  private gap(gap: Gap): void {
    if (gap.to > gap.from) this.note(`${gap.to - gap.from} bytes are missing here: offsets ${gap.from} to ${gap.to}`);
    if (gap.eventsLost > 0n) this.note(`${gap.eventsLost} events are missing here`);
    this.processed(gap.to);
  }

  private event(event: Event): void {
    const text = eventText(event);
    if (event.event.case === "writer") {
      this.lease.changed(event.event.value);
      this.showRights();
    }
    this.note(`${eventTime(event)} ${text}`);
  }

  private note(text: string): void {
    if (!this.view.note(text)) this.say(text);
  }

  private lost(failure: Failure | null, retryMs: number | undefined): void {
    this.lease.lost();
    this.element.dataset["state"] = "lost";
    const reason = failure?.message ?? "the server ended the connection";
    this.again.hidden = retryMs !== undefined;
    this.say(retryMs === undefined ? `Closed: ${reason}` : `Reconnecting: ${reason}`);
  }

  private input(bytes: Uint8Array): void {
    if (this.role < Role.WRITE) return this.say("read-only: your role does not allow to write");
    for (let begin = 0; begin < bytes.length; begin += INPUT_PIECE_BYTES) {
      const piece = bytes.slice(begin, begin + INPUT_PIECE_BYTES);
      if (this.stream.send({ case: "data", value: piece })) continue;
      const lost = bytes.length - begin;
      const why = this.element.dataset["state"] === "connected" ? "the server is slow" : "not connected";
      return this.say(`${bytesText(lost)} not sent: ${why}`);
    }
  }

  private request(item: Request): void {
    if (!this.stream.send(item)) this.say("not sent: not connected");
  }

  private toggleTimes(): void {
    this.showTimes = !this.showTimes;
    this.timesButton.setAttribute("aria-pressed", String(this.showTimes));
    this.refill(this.cursor.start);
  }

  private showEarlier(): void {
    const oldest = this.port?.oldestOffset ?? 0n;
    const start = this.cursor.start - EARLIER_BYTES;
    if (this.cursor.start <= oldest) return this.say("these are the oldest bytes that the server has");
    this.refill(start > oldest ? start : oldest);
  }

  private refill(start: bigint): void {
    this.filling += 1;
    this.times.restart();
    this.view.reset();
    this.cursor.rewind(start);
    this.stream.reconnect();
  }

  private say(text: string): void {
    setText(this.status, text);
  }
}

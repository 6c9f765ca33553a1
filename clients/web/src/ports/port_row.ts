/** One port in the list. */
import { State, type Port } from "../gen/vser/v1/types_pb";
import { formatText } from "../console/event_text";
import { element, setText } from "../ui/dom";
import { Sparkline } from "./sparkline";
import { TailLine } from "./tail_line";
import { formatBytes, Traffic } from "./traffic";

export class PortRow {
  readonly element: HTMLTableRowElement;
  readonly opener: HTMLButtonElement;
  private readonly state = element("span", { class: "state" });
  private readonly baud = element("td", { class: "baud" });
  private readonly line = element("code", {});
  private readonly readers = element("td", { class: "readers" });
  private readonly holder = element("td", { class: "holder" });
  private readonly rate = element("span", { class: "rate" });
  private readonly description = element("span", { class: "description" });
  private readonly sparkline = new Sparkline();
  private readonly tail = new TailLine();
  private readonly traffic = new Traffic();
  private port: Port;

  constructor(port: Port, open: (name: string) => void) {
    this.port = port;
    this.opener = element("button", { class: "open", attributes: { type: "button" } }, port.name);
    const name = element("th", { attributes: { scope: "row" } }, this.opener, this.description);
    const stateCell = element("td", { class: "state-cell" }, this.state);
    const trafficCell = element("td", { class: "traffic" });
    trafficCell.append(this.sparkline.element, this.rate);
    const lineCell = element("td", { class: "last-line" }, this.line);
    this.element = element("tr", {}, name, stateCell, this.baud, trafficCell, this.readers, this.holder, lineCell);
    this.element.addEventListener("click", () => open(port.name));
    this.update(port);
  }

  get name(): string {
    return this.port.name;
  }

  get isOnline(): boolean {
    return this.port.state === State.ONLINE;
  }

  update(port: Port): void {
    this.port = port;
    this.element.dataset["state"] = this.isOnline ? "online" : "offline";
    setText(this.description, port.description);
    setText(this.state, this.isOnline ? "online" : "offline");
    this.state.title = port.offlineReason || port.device;
    setText(this.baud, `${port.baud} ${formatText(port.format)}`);
    setText(this.readers, `${port.readers} reading`);
    setText(this.holder, port.writer ? `held by ${port.writer}` : "");
  }

  append(bytes: Uint8Array, history: boolean, second: number): void {
    this.tail.append(bytes);
    if (!history) this.traffic.add(bytes.length, second);
  }

  /** Bytes of the last complete second. */
  tick(second: number): number {
    const rates = this.traffic.rates(second);
    const now = rates[rates.length - 1] ?? 0;
    this.sparkline.draw(rates);
    setText(this.rate, `${formatBytes(now)}/s`);
    setText(this.line, this.tail.text || (this.isOnline ? "" : this.port.offlineReason));
    return now;
  }

  /** Whether every word occurs in what the row shows. */
  matches(words: readonly string[]): boolean {
    const { name, description, device, writer } = this.port;
    const state = this.isOnline ? "online" : "offline";
    const text = [name, description, device, writer, state, this.tail.text].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  }
}

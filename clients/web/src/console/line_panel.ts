/** Speed, format, modem lines, break and flush of a console's port. */
import { FlowControl, FlushDirection, Parity, StopBits, type Port } from "../gen/vser/v1/types_pb";
import { button, element, labelled, select } from "../ui/dom";
import type { Request } from "./console_stream";

const BAUDS = [300, 1200, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000, 3000000];
const BAUD_MAX = 4_294_967_295;
const INPUTS = ["cts", "dsr", "dcd", "ri"] as const;
const BREAK_MS = 250;
let panels = 0;

const number = (value: number) => String(value);

export class LinePanel {
  readonly element = element("div", { class: "line-panel", attributes: { role: "group", "aria-label": "Line" } });
  private readonly baud = element("input", {
    attributes: { type: "number", min: "1", max: number(BAUD_MAX), step: "1", required: true, inputmode: "numeric" },
  });
  private readonly bits = select(["5", "6", "7", "8"].map((bits) => [bits, bits] as const));
  private readonly parity = select([
    [number(Parity.NONE), "none"],
    [number(Parity.ODD), "odd"],
    [number(Parity.EVEN), "even"],
    [number(Parity.MARK), "mark"],
    [number(Parity.SPACE), "space"],
  ]);
  private readonly stop = select([
    [number(StopBits.STOP_BITS_1), "1"],
    [number(StopBits.STOP_BITS_1_5), "1.5"],
    [number(StopBits.STOP_BITS_2), "2"],
  ]);
  private readonly flow = select([
    [number(FlowControl.NONE), "none"],
    [number(FlowControl.RTS_CTS), "RTS/CTS"],
    [number(FlowControl.XON_XOFF), "XON/XOFF"],
  ]);
  private readonly dtr = this.output("dtr");
  private readonly rts = this.output("rts");
  private readonly inputs = element("span", { class: "signals" });
  private readonly settings: HTMLFieldSetElement;
  private readonly signals: HTMLFieldSetElement;
  private readonly breakButton = button("Send break", () => this.request({ case: "break", value: {} }), {
    attributes: { title: `${BREAK_MS} ms` },
  });
  private readonly flushButton = button("Discard queued bytes", () =>
    this.request({ case: "flush", value: FlushDirection.BOTH }),
  );
  private readonly hint = element("p", { class: "hint" });
  private shown = "";

  constructor(private readonly request: (item: Request) => void) {
    const list = `bauds-${++panels}`;
    this.baud.setAttribute("list", list);
    const rates = BAUDS.map((rate) => element("option", { attributes: { value: number(rate) } }));
    const form = element(
      "form",
      { on: { submit: (event) => this.apply(event) } },
      labelled("Baud", this.baud),
      element("datalist", { attributes: { id: list } }, ...rates),
      labelled("Data bits", this.bits),
      labelled("Parity", this.parity),
      labelled("Stop bits", this.stop),
      labelled("Flow control", this.flow),
      element("button", { attributes: { type: "submit" } }, "Apply"),
    );
    this.settings = element("fieldset", {}, element("legend", {}, "Speed and format"), form);
    this.signals = element(
      "fieldset",
      {},
      element("legend", {}, "Modem lines"),
      element("label", { class: "check" }, this.dtr, "DTR"),
      element("label", { class: "check" }, this.rts, "RTS"),
      this.inputs,
    );
    this.element.append(
      this.settings,
      this.signals,
      element("div", { class: "buttons" }, this.breakButton, this.flushButton),
      this.hint,
    );
  }

  /** `refusal`: why this client may not change the line; empty: it may. */
  update(port: Port, refusal: string): void {
    const can = port.capabilities;
    this.hint.textContent = refusal;
    const denied = refusal !== "";
    this.settings.disabled = denied || !can?.baud;
    this.signals.disabled = denied || !can?.modemSignals;
    this.breakButton.disabled = denied || !can?.sendBreak;
    this.flushButton.disabled = denied || !can?.flush;
    this.showSettings(port);
    this.showSignals(port);
  }

  /** Only changes are shown, so that what the user is typing stays. */
  private showSettings(port: Port): void {
    const format = port.format;
    const now = JSON.stringify([port.baud, format?.dataBits, format?.parity, format?.stopBits, format?.flowControl]);
    if (now === this.shown) return;
    this.shown = now;
    this.baud.value = number(port.baud);
    this.bits.value = number(format?.dataBits ?? 8);
    this.parity.value = number(format?.parity ?? Parity.NONE);
    this.stop.value = number(format?.stopBits ?? StopBits.STOP_BITS_1);
    this.flow.value = number(format?.flowControl ?? FlowControl.NONE);
  }

  private showSignals(port: Port): void {
    const signals = port.signals;
    this.dtr.checked = signals?.dtr ?? false;
    this.rts.checked = signals?.rts ?? false;
    const states = signals ? INPUTS.map((name) => `${name.toUpperCase()} ${signals[name] ? "on" : "off"}`) : [];
    this.inputs.textContent = states.join(" · ") || "not known";
  }

  private apply(event: Event): void {
    event.preventDefault();
    const format = {
      dataBits: Number(this.bits.value),
      parity: Number(this.parity.value),
      stopBits: Number(this.stop.value),
      flowControl: Number(this.flow.value),
    };
    const [baud] = JSON.parse(this.shown || "[0]") as number[];
    if (Number(this.baud.value) !== baud) this.request({ case: "setBaud", value: Number(this.baud.value) });
    const shownFormat = JSON.stringify([baud, format.dataBits, format.parity, format.stopBits, format.flowControl]);
    if (shownFormat !== this.shown) this.request({ case: "setFormat", value: format });
  }

  private output(name: "dtr" | "rts"): HTMLInputElement {
    const made = element("input", {
      attributes: { type: "checkbox" },
      on: { change: () => this.request({ case: "setSignals", value: { [name]: made.checked } }) },
    });
    return made;
  }
}

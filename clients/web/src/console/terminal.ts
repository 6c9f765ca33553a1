/** The terminal of a console: xterm.js that a device cannot use against its reader. */
import "./style_policy";

import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";

import { isDark, onThemeChange } from "../ui/theme";
import { guard } from "./escape_guard";
import { OpenLine } from "./open_line";

const SCROLLBACK_LINES = 20_000;

// Our own lines and times are bright black.
const DARK: ITheme = {
  background: "#0b1220",
  foreground: "#e2e8f0",
  cursor: "#38bdf8",
  selectionBackground: "#33507a",
  brightBlack: "#94a3b8",
};
const LIGHT: ITheme = {
  background: "#ffffff",
  foreground: "#0f172a",
  cursor: "#0369a1",
  selectionBackground: "#bfdbfe",
  brightBlack: "#475569",
  yellow: "#854d0e",
  brightYellow: "#854d0e",
  green: "#166534",
  brightGreen: "#166534",
  cyan: "#155e75",
  brightCyan: "#155e75",
  white: "#475569",
  brightWhite: "#334155",
};

export interface TerminalHandlers {
  input(bytes: Uint8Array): void;
  /** Ctrl-]: the keyboard leaves the terminal. */
  leave(): void;
}

export class TerminalView {
  readonly terminal = new Terminal({
    scrollback: SCROLLBACK_LINES,
    fontFamily: 'ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace',
    fontSize: 13,
    minimumContrastRatio: 4.5,
    theme: isDark() ? DARK : LIGHT,
  });
  private readonly fitter = new FitAddon();
  private readonly size: ResizeObserver;
  private readonly forgetTheme: () => void;
  private readonly openLine = new OpenLine();

  constructor(
    private readonly parent: HTMLElement,
    handlers: TerminalHandlers,
  ) {
    guard(this.terminal.parser);
    this.terminal.loadAddon(this.fitter);
    this.terminal.open(parent);
    const encoder = new TextEncoder();
    this.terminal.onData((text) => handlers.input(encoder.encode(text)));
    this.terminal.onBinary((text) => handlers.input(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    this.terminal.attachCustomKeyEventHandler((event) => this.passKey(event, handlers));
    this.size = new ResizeObserver(() => this.fit());
    this.size.observe(parent);
    this.forgetTheme = onThemeChange(() => (this.terminal.options.theme = isDark() ? DARK : LIGHT));
  }

  set label(text: string) {
    this.terminal.textarea?.setAttribute("aria-label", text);
  }

  set readOnly(value: boolean) {
    this.terminal.options.disableStdin = value;
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.openLine.append(bytes);
    this.terminal.write(bytes, done);
  }

  /** A dim line of our own, before an unfinished line of the device. Returns false, and does nothing, in a full-screen program. */
  note(text: string): boolean {
    if (this.terminal.buffer.active.type === "alternate") return false;
    const { isEmpty, again } = this.openLine;
    const moved = !isEmpty && again !== null && again.length < this.terminal.cols;
    if (!moved) this.openLine.clear();
    const begin = isEmpty ? "" : moved ? "\r\x1b[K" : "\r\n";
    this.terminal.write(`${begin}\x1b[3;90m-- ${text} --\x1b[23;39m\r\n${moved ? again : ""}`);
    return true;
  }

  /** After what was written before: an escape sequence keeps the order, which Terminal.reset() does not. */
  reset(): void {
    this.openLine.clear();
    this.terminal.write("\x1bc");
  }

  focus(): void {
    this.terminal.focus();
  }

  dispose(): void {
    this.size.disconnect();
    this.forgetTheme();
    this.terminal.dispose();
  }

  private fit(): void {
    if (this.parent.clientWidth > 0 && this.parent.clientHeight > 0) this.fitter.fit();
  }

  private passKey(event: KeyboardEvent, handlers: TerminalHandlers): boolean {
    if (event.ctrlKey && event.key === "]") {
      if (event.type === "keydown") handlers.leave();
      event.preventDefault();
      return false;
    }
    // With a selection Ctrl-C copies it, once.
    if (event.type === "keydown" && event.ctrlKey && event.key === "c" && this.terminal.hasSelection()) {
      setTimeout(() => this.terminal.clearSelection());
      return false;
    }
    return true;
  }
}

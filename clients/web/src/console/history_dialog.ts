/** The history of a port, also that on the server's disk: search, pages of lines, download. */
import { timestampFromDate } from "@bufbuild/protobuf/wkt";

import { asFailure } from "../rpc/failure";
import type { Server } from "../rpc/server";
import { button, element, labelled, setText } from "../ui/dom";
import { dateText } from "./event_text";
import { bytes, page, search, type Line, type Lines, type Range, type Source } from "./log_reader";

const RESULTS_MAX = 1000;
const PAGE_BYTES = 32n * 1024n;
const DOWNLOAD_BYTES_MAX = 256 * 1024 * 1024;

type Show = () => void;

export class HistoryDialog {
  private readonly pattern = element("input", {
    attributes: { type: "search", maxlength: "1024", autocomplete: "off", spellcheck: "false" },
  });
  private readonly from = element("input", { attributes: { type: "datetime-local", step: "1" } });
  private readonly until = element("input", { attributes: { type: "datetime-local", step: "1" } });
  private readonly list = element("ol", { class: "lines", attributes: { "aria-label": "Lines", tabindex: "0" } });
  private readonly status = element("p", { class: "status", attributes: { role: "status" } });
  private readonly earlier = button("Earlier", () => void this.showPage(this.first - PAGE_BYTES), { attributes: { disabled: true } });
  private readonly later = button("Later", () => void this.showPage(this.end), { attributes: { disabled: true } });
  private readonly dialog: HTMLDialogElement;
  private reading = new AbortController();
  private first = 0n;
  private end = 0n;

  constructor(
    private readonly server: Server,
    private readonly port: string,
    /** The end of what the console shows, where paging begins. */
    private readonly head: bigint,
  ) {
    const title = `History of ${port}`;
    const form = element(
      "form",
      { on: { submit: (event) => this.submit(event) } },
      labelled("Lines that match (regular expression)", this.pattern),
      labelled("From", this.from),
      labelled("Until", this.until),
      element(
        "div",
        { class: "buttons" },
        element("button", { attributes: { type: "submit" } }, "Search"),
        button("Download", () => void this.download()),
      ),
    );
    this.dialog = element(
      "dialog",
      { class: "history", attributes: { "aria-label": title } },
      element("header", {}, element("h2", {}, title), button("Close", () => this.dialog.close())),
      form,
      this.list,
      element("footer", {}, this.earlier, this.later, this.status),
    );
    this.dialog.addEventListener("close", () => {
      this.reading.abort();
      this.dialog.remove();
    });
  }

  show(): void {
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.pattern.focus();
    void this.showPage(this.head - PAGE_BYTES);
  }

  private get range(): Range {
    const time = (input: HTMLInputElement) => timestampFromDate(new Date(input.value));
    const from = this.from.value
      ? { start: { case: "since" as const, value: time(this.from) } }
      : { start: { case: "oldest" as const, value: true } };
    return this.until.value ? { from, until: { end: { case: "time" as const, value: time(this.until) } } } : { from };
  }

  private submit(event: Event): void {
    event.preventDefault();
    void this.run(async (source) => {
      if (this.pattern.value === "") return this.readRange(source);
      const found = await search(source, this.range, this.pattern.value, RESULTS_MAX);
      const count = found.cut ? `the first ${RESULTS_MAX} lines` : `${found.lines.length} lines`;
      return () => {
        this.showLines(found, true);
        this.say(`${count} match${missingText(found.missing)}`);
      };
    });
  }

  /** Without a pattern: the begin of the range. */
  private async readRange(source: Source): Promise<Show> {
    const got = await page(source, this.range, PAGE_BYTES);
    return () => this.placed(got, got.lines[0]?.offset ?? 0n);
  }

  private async showPage(first: bigint, hit?: bigint): Promise<void> {
    await this.run(async (source) => {
      const start = first > 0n ? first : 0n;
      const from = { start: { case: "offset" as const, value: start } };
      const got = await page(source, { from }, PAGE_BYTES);
      return () => this.placed(got, start, hit);
    });
  }

  private placed(got: Lines & { end: bigint }, start: bigint, hit?: bigint): void {
    this.first = got.lines[0]?.offset ?? start;
    this.end = got.end > this.first ? got.end : this.first;
    this.earlier.disabled = this.first === 0n || got.missing > 0n;
    this.later.disabled = got.lines.length === 0;
    this.showLines(got, false, hit);
    this.say(got.lines.length > 0 ? `offsets ${this.first} to ${this.end}${missingText(got.missing)}` : "no more lines");
  }

  private showLines({ lines }: Lines, found: boolean, hit?: bigint): void {
    this.list.replaceChildren(...lines.map((line) => this.row(line, found, line.offset === hit)));
    const marked = this.list.querySelector("[aria-current]");
    if (marked) marked.scrollIntoView({ block: "center" });
    else this.list.scrollTop = found ? 0 : this.list.scrollHeight;
  }

  private row(line: Line, found: boolean, marked: boolean): HTMLLIElement {
    const time = element("time", {}, line.time ? dateText(line.time) : "");
    const text = element("code", {}, line.text);
    const attributes = { "aria-current": marked ? "true" : false };
    if (!found) return element("li", { attributes }, time, text);
    const around = button("", () => void this.showPage(line.offset - PAGE_BYTES / 2n, line.offset), {
      attributes: { title: "Show the lines around" },
    });
    around.append(time, text);
    return element("li", { attributes }, around);
  }

  private async download(): Promise<void> {
    await this.run(async (source) => {
      const progress = (size: number) => this.say(`${size} bytes`);
      const got = await bytes(source, this.range, DOWNLOAD_BYTES_MAX, progress);
      const name = `${this.port.replaceAll(/[^\w.-]/g, "_")}-${got.first < 0n ? 0n : got.first}.log`;
      return () => {
        save(got.parts, name);
        this.say(`saved as ${name}${missingText(got.missing)}`);
      };
    });
  }

  /** Shows what `work` has read, unless the user asked for something else meanwhile. */
  private async run(work: (source: Source) => Promise<Show>): Promise<void> {
    this.reading.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    this.say("reading");
    this.list.setAttribute("aria-busy", "true");
    const show = await work({ server: this.server, port: this.port, signal }).catch((error: unknown) => () => this.say(asFailure(error).message));
    if (signal.aborted) return;
    this.list.removeAttribute("aria-busy");
    show();
  }

  private say(text: string): void {
    setText(this.status, text);
  }
}

function save(parts: Uint8Array<ArrayBuffer>[], name: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type: "application/octet-stream" }));
  element("a", { attributes: { href: url, download: name } }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function missingText(missing: bigint): string {
  return missing > 0n ? `; ${missing} bytes of the range are no longer on the server` : "";
}

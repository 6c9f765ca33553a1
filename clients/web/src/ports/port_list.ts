/** The list of ports: live, sorted, filtered by typing, usable by the keyboard. */
import type { Port } from "../gen/vser/v1/types_pb";
import type { Failure } from "../rpc/failure";
import type { Server } from "../rpc/server";
import { element, labelled, select, setText } from "../ui/dom";
import { PortFeed } from "./port_feed";
import { PortRow } from "./port_row";

const HEADINGS = ["Port", "State", "Line", "Traffic", "Readers", "Holder", "Last line"];
const collator = new Intl.Collator(undefined, { numeric: true });
/** More would cost the server a session each without a place on the screen. */
const COLLECTED_MAX = 200;
const now = () => Math.floor(Date.now() / 1000);

type Order = "name" | "state" | "traffic";

export class PortList {
  readonly element: HTMLElement;
  readonly feed: PortFeed;
  private readonly rows = new Map<string, PortRow>();
  private readonly visible = new Set<string>();
  private readonly rates = new Map<string, number>();
  private readonly body = element("tbody", { on: { keydown: (event) => this.move(event) } });
  private readonly filter = element("input", {
    attributes: { type: "search", autocomplete: "off", spellcheck: "false", placeholder: "/" },
    on: { input: () => this.arrange(), keydown: (event) => this.enter(event) },
  });
  private readonly order = select([
    ["name", "name"],
    ["state", "state"],
    ["traffic", "traffic"],
  ]);
  private readonly count = element("p", { class: "count", attributes: { role: "status" } });
  private readonly seen: IntersectionObserver;
  private arranging = 0;

  constructor(
    server: Server,
    private readonly open: (name: string) => void,
    private readonly onPort: (port: Port) => void,
    onState: (failure: Failure | null) => void,
  ) {
    this.order.addEventListener("change", () => this.arrange());
    const head = element("tr", {}, ...HEADINGS.map((text) => element("th", { attributes: { scope: "col" } }, text)));
    this.element = element(
      "section",
      { class: "ports", attributes: { "aria-label": "Ports" } },
      element("div", { class: "tools" }, labelled("Filter", this.filter), labelled("Sort by", this.order), this.count),
      element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), this.body)),
      element("p", { class: "about" }, element("a", { attributes: { href: "./THIRD_PARTY_LICENSES.txt" } }, "Licences")),
    );
    this.seen = new IntersectionObserver((entries) => this.saw(entries), { root: null, rootMargin: "100px" });
    this.feed = new PortFeed(server, {
      port: (port) => this.update(port),
      removed: (name) => this.remove(name),
      bytes: (name, bytes, history) => this.rows.get(name)?.append(bytes, history, now()),
      state: onState,
    });
    setInterval(() => this.tick(), 1000);
    document.addEventListener("visibilitychange", () => this.collect());
  }

  focusFilter(): void {
    this.filter.focus();
    this.filter.select();
  }

  private update(port: Port): void {
    const row = this.rows.get(port.name);
    if (row) {
      row.update(port);
    } else {
      this.add(port);
    }
    this.onPort(port);
  }

  private add(port: Port): void {
    const row = new PortRow(port, this.open);
    this.rows.set(port.name, row);
    this.seen.observe(row.element);
    row.element.dataset["port"] = port.name;
    this.arrangeSoon();
  }

  private remove(name: string): void {
    const row = this.rows.get(name);
    if (!row) return;
    this.seen.unobserve(row.element);
    row.element.remove();
    this.rows.delete(name);
    this.visible.delete(name);
    this.collect();
    this.arrangeSoon();
  }

  /** Many ports come at once. */
  private arrangeSoon(): void {
    this.arranging ||= requestAnimationFrame(() => this.arrange());
  }

  private arrange(): void {
    this.arranging = 0;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = [...this.rows.values()].filter((row) => row.matches(words)).sort((a, b) => this.compare(a, b));
    const present = this.shown();
    if (shown.length !== present.length || shown.some((row, index) => row.element !== present[index])) {
      const focused = document.activeElement;
      this.body.replaceChildren(...shown.map((row) => row.element));
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
    }
    const all = this.rows.size;
    setText(this.count, shown.length === all ? `${all} ports` : `${shown.length} of ${all} ports`);
  }

  private compare(a: PortRow, b: PortRow): number {
    const order = this.order.value as Order;
    const traffic = order === "traffic" ? (this.rates.get(b.name) ?? 0) - (this.rates.get(a.name) ?? 0) : 0;
    const state = order === "state" ? Number(b.isOnline) - Number(a.isOnline) : 0;
    return traffic || state || collator.compare(a.name, b.name);
  }

  private tick(): void {
    if (document.hidden) return;
    for (const name of this.visible) this.rates.set(name, this.rows.get(name)?.tick(now()) ?? 0);
    if (this.order.value === "traffic" || this.filter.value !== "") this.arrange();
  }

  private saw(entries: readonly IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      const name = (entry.target as HTMLElement).dataset["port"] ?? "";
      if (entry.isIntersecting) this.visible.add(name);
      else this.visible.delete(name);
    }
    this.collect();
  }

  private collect(): void {
    this.feed.want(document.hidden ? [] : [...this.visible].slice(0, COLLECTED_MAX));
  }

  private shown(): Element[] {
    return [...this.body.children];
  }

  private enter(event: KeyboardEvent): void {
    const first = this.body.querySelector<HTMLButtonElement>("button.open");
    if (event.key === "Enter") first?.click();
    else if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Escape") this.filter.value = "";
    else return;
    event.preventDefault();
    this.arrange();
  }

  private move(event: KeyboardEvent): void {
    const buttons = [...this.body.querySelectorAll<HTMLButtonElement>("button.open")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const targets: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: buttons.length - 1,
    };
    const target = targets[event.key];
    if (at < 0 || target === undefined) return;
    event.preventDefault();
    if (target < 0) this.filter.focus();
    else buttons[target]?.focus();
  }
}

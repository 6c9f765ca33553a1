/** The open consoles: tabs, or a grid of all. */
import { Console } from "./console/console";
import type { Port } from "./gen/vser/v1/types_pb";
import { formatPlaces, parsePlaces, type Places } from "./places";
import type { Server } from "./rpc/server";
import { button, element } from "./ui/dom";

/** A terminal takes some megabytes. */
const CONSOLES_MAX = 16;

export class Desk {
  readonly element: HTMLElement;
  private readonly consoles = new Map<string, Console>();
  private readonly tabs = element("div", {
    class: "tabs",
    attributes: { role: "tablist", "aria-label": "Consoles" },
    on: { keydown: (event) => this.moveTab(event) },
  });
  private readonly panes = element("div", { class: "panes" });
  private readonly gridButton = button("Grid", () => this.setGrid(!this.places.grid));
  private places: Places = { open: [], front: "", grid: false };

  constructor(
    private readonly server: Server,
    private readonly portOf: (name: string) => Port | undefined,
    private readonly say: (text: string) => void,
  ) {
    const back = button("Ports", () => this.showList(), { class: "back" });
    const bar = element("div", { class: "bar" }, back, this.tabs, this.gridButton);
    this.element = element("section", { class: "desk", attributes: { "aria-label": "Open consoles" } }, bar, this.panes);
    addEventListener("hashchange", () => this.go(parsePlaces(location.hash)));
  }

  /** What the address says. */
  start(): void {
    this.go(parsePlaces(location.hash));
  }

  open(name: string): void {
    const known = this.places.open.includes(name);
    if (!known && this.places.open.length >= CONSOLES_MAX) {
      return this.say(`${CONSOLES_MAX} consoles are open; close one first`);
    }
    this.change({ open: known ? this.places.open : [...this.places.open, name], front: name });
    this.consoles.get(name)?.focus();
  }

  updatePort(port: Port): void {
    this.consoles.get(port.name)?.updatePort(port);
  }

  reconnect(): void {
    for (const console of this.consoles.values()) console.reconnect();
  }

  private close(name: string): void {
    const open = this.places.open.filter((other) => other !== name);
    this.change({ open, front: this.places.front === name ? (open[open.length - 1] ?? "") : this.places.front });
  }

  private showList(): void {
    this.change({ front: "" });
  }

  private setGrid(grid: boolean): void {
    this.change({ grid, front: this.places.front || (this.places.open[0] ?? "") });
  }

  private change(part: Partial<Places>): void {
    this.go({ ...this.places, ...part });
    const hash = formatPlaces(this.places);
    history.replaceState(null, "", hash || location.pathname);
  }

  private go(places: Places): void {
    this.places = { ...places, open: places.open.slice(0, CONSOLES_MAX) };
    this.forgetClosed();
    for (const name of this.places.open) if (!this.consoles.has(name)) this.add(name);
    this.show();
  }

  private forgetClosed(): void {
    for (const [name, console] of this.consoles) {
      if (this.places.open.includes(name)) continue;
      console.dispose();
      this.consoles.delete(name);
    }
  }

  private add(name: string): void {
    const added = new Console(this.server, name, () => this.close(name));
    this.consoles.set(name, added);
    this.panes.append(added.element);
    const port = this.portOf(name);
    if (port) added.updatePort(port);
  }

  private show(): void {
    const { open, front, grid } = this.places;
    document.body.dataset["view"] = front ? "desk" : "list";
    this.element.hidden = open.length === 0;
    this.panes.classList.toggle("grid", grid);
    this.gridButton.setAttribute("aria-pressed", String(grid));
    const shown = front || open[0];
    for (const [name, console] of this.consoles) console.element.hidden = !grid && name !== shown;
    this.showTabs(shown);
    document.title = front ? `${front} – vserd` : "vserd";
  }

  private showTabs(shown: string | undefined): void {
    const focused = this.tabs.contains(document.activeElement);
    const tabs = this.places.open.map((name) =>
      button(name, () => this.open(name), {
        attributes: { role: "tab", "aria-selected": String(name === shown), tabindex: name === shown ? "0" : "-1" },
      }),
    );
    this.tabs.replaceChildren(...tabs);
    if (focused) this.tabs.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  }

  private moveTab(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const { open, front } = this.places;
    if (step === undefined || open.length === 0) return;
    event.preventDefault();
    const at = Math.max(0, open.indexOf(front));
    this.change({ front: open[(at + step + open.length) % open.length] ?? "" });
  }
}

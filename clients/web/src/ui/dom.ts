/** Elements without markup: text stays text. */

type Child = Node | string;
type Listeners = { [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };

interface Options {
  class?: string;
  /** Attributes; false leaves one out. */
  attributes?: Record<string, string | boolean>;
  on?: Listeners;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: Options = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (options.class) made.className = options.class;
  for (const [name, value] of Object.entries(options.attributes ?? {})) {
    if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  for (const [name, listener] of Object.entries(options.on ?? {})) {
    made.addEventListener(name, listener as EventListener);
  }
  made.append(...children);
  return made;
}

export function button(label: string, click: () => void, options: Options = {}): HTMLButtonElement {
  const attributes = { type: "button", ...options.attributes };
  return element("button", { ...options, attributes, on: { click, ...options.on } }, label);
}

/** A control with its visible label. */
export function labelled(text: string, control: HTMLElement): HTMLLabelElement {
  return element("label", {}, element("span", {}, text), control);
}

export function select(values: readonly (readonly [string, string])[], attributes = {}): HTMLSelectElement {
  const options = values.map(([value, text]) => element("option", { attributes: { value } }, text));
  return element("select", { attributes }, ...options);
}

/** Sets the text only if it differs, so that nothing is announced or laid out for no reason. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * The server's Content-Security-Policy forbids style elements and style attributes, and xterm.js makes both. This module turns
 * them into what the policy allows: constructed style sheets, and properties set one by one. Import it before xterm.js.
 */

const createElement = document.createElement.bind(document);

/** Stands for a style element: its text becomes a style sheet of the document while it exists. */
function styleStandIn(): HTMLElement {
  const sheet = new CSSStyleSheet();
  const standIn = createElement("span");
  standIn.hidden = true;
  document.adoptedStyleSheets.push(sheet);
  Object.defineProperty(standIn, "textContent", { set: (css: string) => sheet.replaceSync(css) });
  standIn.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((adopted) => adopted !== sheet);
    Element.prototype.remove.call(standIn);
  };
  return standIn;
}

document.createElement = ((name: string, options?: ElementCreationOptions) =>
  name === "style" ? styleStandIn() : createElement(name, options)) as typeof document.createElement;

/** The attribute that xterm.js sets for colours of 24 bits. */
HTMLSpanElement.prototype.setAttribute = function (this: HTMLSpanElement, name: string, value: string) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
};

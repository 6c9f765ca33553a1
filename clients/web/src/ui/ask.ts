/** Asks for one line of text. Null: canceled. */
import { button, element, labelled } from "./dom";

export function ask(title: string, question: string, accept: string): Promise<string | null> {
  return new Promise((resolve) => {
    const input = element("input", { attributes: { type: "text", maxlength: "200", autocomplete: "off" } });
    const dialog = element("dialog", { class: "ask", attributes: { "aria-label": title } });
    let answer: string | null = null;
    const submit = (event: Event) => {
      event.preventDefault();
      answer = input.value;
      dialog.close();
    };
    const buttons = element(
      "div",
      { class: "buttons" },
      element("button", { attributes: { type: "submit" } }, accept),
      button("Cancel", () => dialog.close()),
    );
    dialog.append(element("form", { on: { submit } }, element("h2", {}, title), labelled(question, input), buttons));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}

/** Asks for the token where the server needs one. */
import type { Server } from "../rpc/server";
import { element, labelled } from "./dom";

/** Shows the form until the server accepts a token. */
export class Login {
  private readonly token = element("input", {
    attributes: { type: "password", autocomplete: "off", spellcheck: "false", required: true, name: "token" },
  });
  private readonly keep = element("input", { attributes: { type: "checkbox", name: "keep" } });
  private readonly message = element("p", { class: "error", attributes: { role: "alert" } });
  private readonly dialog = element("dialog", { class: "login", attributes: { "aria-label": "Log in" } });

  constructor(
    private readonly server: Server,
    private readonly done: () => void,
  ) {
    const submit = element("button", { attributes: { type: "submit" } }, "Log in");
    const form = element(
      "form",
      { on: { submit: (event) => void this.submit(event) } },
      element("h2", {}, "Log in"),
      element("p", {}, "This server needs a token. `vserctl token new NAME` makes one."),
      labelled("Token", this.token),
      element("label", { class: "check" }, this.keep, "Remember in this tab"),
      this.message,
      submit,
    );
    this.dialog.append(form);
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(this.dialog);
  }

  show(): void {
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.token.focus();
  }

  private async submit(event: Event): Promise<void> {
    event.preventDefault();
    this.server.setToken(this.token.value.trim(), this.keep.checked);
    const failure = await this.server.checkLogin();
    if (failure) {
      this.server.setToken("", false);
      this.message.textContent = failure.message;
      this.token.select();
      return;
    }
    this.token.value = "";
    this.message.textContent = "";
    this.dialog.close();
    this.done();
  }
}

/** Hold, release or take over a port: one button that says what it can do. */
import { Role } from "../gen/vser/v1/rights_pb";
import type { WriterChanged } from "../gen/vser/v1/types_pb";
import { ask } from "../ui/ask";
import { button, setText } from "../ui/dom";
import type { Request } from "./console_stream";

export class LeaseButton {
  readonly element = button("Hold", () => void this.click());
  private own = false;
  private holder = "";
  private role = Role.UNSPECIFIED;

  constructor(private readonly request: (item: Request) => void) {}

  get isHeldByOther(): boolean {
    return this.holder !== "" && !this.own;
  }

  get heldBy(): string {
    return this.holder;
  }

  update(holder: string, role: Role): void {
    this.holder = holder;
    this.role = role;
    this.show();
  }

  changed(writer: WriterChanged): void {
    if (writer.refusedBytes > 0n || writer.refusedRequest) return;
    this.own = writer.own;
    this.holder = writer.client;
    this.show();
  }

  /** The lease ends with the stream. */
  lost(): void {
    this.own = false;
    this.show();
  }

  private get takesOver(): boolean {
    return this.isHeldByOther && this.role >= Role.ADMIN;
  }

  private show(): void {
    const free = this.isHeldByOther ? "Held" : "Hold";
    setText(this.element, this.own ? "Release" : this.takesOver ? "Take over" : free);
    this.element.disabled = this.role < Role.WRITE || (this.isHeldByOther && !this.takesOver);
    this.element.title = this.isHeldByOther ? `${this.holder} holds the port` : "While you hold the port, only you can write";
  }

  private async click(): Promise<void> {
    if (this.own) return this.request({ case: "release", value: true });
    const takeover = this.takesOver;
    if (!takeover) return this.request({ case: "acquire", value: {} });
    const reason = await ask("Take over", `${this.holder} holds the port. Why do you need it? Others see the reason.`, "Take over");
    if (reason !== null) this.request({ case: "acquire", value: { takeover, reason } });
  }
}

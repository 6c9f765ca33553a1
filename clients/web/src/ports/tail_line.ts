/** The last line that a device sent, from its bytes as they arrive. */
import { plainText } from "../console/plain_text";

const KEPT_BYTES = 512;

export class TailLine {
  private readonly kept = new Uint8Array(KEPT_BYTES);
  private length = 0;

  append(bytes: Uint8Array): void {
    const news = bytes.subarray(Math.max(0, bytes.length - KEPT_BYTES));
    const room = KEPT_BYTES - news.length;
    const old = Math.min(this.length, room);
    this.kept.copyWithin(0, this.length - old, this.length);
    this.kept.set(news, old);
    this.length = old + news.length;
  }

  /** The last line that is not empty. */
  get text(): string {
    const lines = new TextDecoder().decode(this.kept.subarray(0, this.length)).split(/[\r\n]+/);
    for (const line of lines.reverse()) {
      const plain = plainText(line).trim();
      if (plain) return plain;
    }
    return "";
  }
}

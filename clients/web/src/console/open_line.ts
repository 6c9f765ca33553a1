/** The unfinished last line of the device, so that a line of our own can be put before it. */

const KEPT_BYTES = 200;
const LF = 10;
const CR = 13;

export class OpenLine {
  private bytes = new Uint8Array(0);
  /** It is longer than what is kept. */
  private long = false;

  append(news: Uint8Array): void {
    const feed = Math.max(news.lastIndexOf(LF), news.lastIndexOf(CR));
    if (feed >= 0) this.clear();
    const rest = news.subarray(feed + 1);
    this.long ||= this.bytes.length + rest.length > KEPT_BYTES;
    if (!this.long) this.bytes = Uint8Array.from([...this.bytes, ...rest]);
  }

  clear(): void {
    this.bytes = new Uint8Array(0);
    this.long = false;
  }

  get isEmpty(): boolean {
    return !this.long && this.bytes.length === 0;
  }

  /** What prints it again; null: it is too long for that, or moves the cursor. */
  get again(): string | null {
    const text = new TextDecoder().decode(this.bytes);
    // eslint-disable-next-line no-control-regex
    const movesCursor = /\x1b(?!\[[\d;]*m)/.test(text);
    return this.long || movesCursor ? null : text;
  }
}

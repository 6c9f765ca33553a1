/** Where a console is in the log of its port. It survives a reload of the page. */

/** What a reload shows again of what was on the screen before. */
const REPEATED_BYTES = 128n * 1024n;
/** What a new console shows of the history. */
const HISTORY_BYTES = 64n * 1024n;

export interface Saved {
  logId: string;
  start: bigint;
  offset: bigint;
}

export class Cursor {
  logId = "";
  /** The first byte on the screen. */
  start = 0n;
  /** The first byte that has not arrived. */
  offset = 0n;
  /** The number of the last event that has arrived. */
  event = 0n;
  private placed = false;

  /** A position from before a reload, from which the screen is filled again. */
  static restore(saved: Saved | null): Cursor {
    const cursor = new Cursor();
    if (!saved) return cursor;
    cursor.logId = saved.logId;
    cursor.start = saved.offset - REPEATED_BYTES > saved.start ? saved.offset - REPEATED_BYTES : saved.start;
    cursor.offset = cursor.start;
    cursor.placed = true;
    return cursor;
  }

  get startPoint() {
    return this.placed
      ? { start: { case: "offset" as const, value: this.offset } }
      : { start: { case: "tailBytes" as const, value: HISTORY_BYTES } };
  }

  /** False: the offsets are of another log; forget() and ask again. */
  opened(logId: string, offset: bigint): boolean {
    if (this.placed && this.logId !== logId) return false;
    if (!this.placed) {
      this.start = offset;
      this.offset = offset;
    }
    this.logId = logId;
    this.placed = true;
    return true;
  }

  /** Fills the screen again from an earlier byte. */
  rewind(start: bigint): void {
    this.start = start;
    this.offset = start;
    this.event = 0n;
  }

  forget(): void {
    Object.assign(this, new Cursor());
  }

  /** Whether an event is new. Number 0: it was sent to this client only. */
  isNew(number: bigint): boolean {
    if (number === 0n) return true;
    if (number <= this.event) return false;
    this.event = number;
    return true;
  }
}

const key = (port: string) => `vserd.cursor.${port}`;

export function loadCursor(port: string): Cursor {
  try {
    const [logId, start, offset] = JSON.parse(sessionStorage.getItem(key(port)) ?? "") as [string, string, string];
    return Cursor.restore({ logId, start: BigInt(start), offset: BigInt(offset) });
  } catch {
    return new Cursor();
  }
}

export function saveCursor(port: string, logId: string, start: bigint, offset: bigint): void {
  sessionStorage.setItem(key(port), JSON.stringify([logId, String(start), String(offset)]));
}

export function dropCursor(port: string): void {
  sessionStorage.removeItem(key(port));
}

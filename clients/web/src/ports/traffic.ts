/** Bytes per second of the last minute. */

export const TRAFFIC_SECONDS = 60;

export class Traffic {
  private readonly seconds = new Float64Array(TRAFFIC_SECONDS);
  private now = 0;

  add(bytes: number, second: number): void {
    this.advance(second);
    const slot = second % TRAFFIC_SECONDS;
    this.seconds[slot] = (this.seconds[slot] ?? 0) + bytes;
  }

  /** The oldest second first; the last one is complete. */
  rates(second: number): number[] {
    this.advance(second);
    return Array.from(this.seconds, (_, index) => this.seconds[(second + 1 + index) % TRAFFIC_SECONDS] ?? 0).slice(0, -1);
  }

  private advance(second: number): void {
    const first = Math.max(this.now + 1, second - TRAFFIC_SECONDS + 1);
    for (let empty = first; empty <= second; empty++) this.seconds[empty % TRAFFIC_SECONDS] = 0;
    this.now = Math.max(this.now, second);
  }
}

const UNITS = ["B", "kB", "MB", "GB"] as const;

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

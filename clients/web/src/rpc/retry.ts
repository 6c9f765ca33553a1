/** When to try again: soon, then less often, and at once when the network is back. */

const FIRST_MS = 250;
const MOST_MS = 10_000;

export class Retry {
  private timer = 0;
  private attempts = 0;

  constructor(private readonly run: () => void) {
    addEventListener("online", this.hurry);
  }

  /** Returns the milliseconds until the next attempt. Half of it is random, so that many pages do not come at once. */
  schedule(random = Math.random()): number {
    const wait = delay(this.attempts++, random);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(this.fire, wait);
    return wait;
  }

  /** It worked. */
  reset(): void {
    this.attempts = 0;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    removeEventListener("online", this.hurry);
  }

  private readonly fire = () => {
    this.timer = 0;
    this.run();
  };

  private readonly hurry = () => {
    if (this.timer === 0) return;
    clearTimeout(this.timer);
    this.fire();
  };
}

export function delay(attempts: number, random: number): number {
  const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempts, 10));
  return most / 2 + (most / 2) * random;
}

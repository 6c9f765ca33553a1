/** Puts the receive time before each line of the device's bytes. */

const LF = 10;
const CR = 13;
const encoder = new TextEncoder();

export class LineTimes {
  private atStart = true;

  /** A line was ended by other means. */
  restart(): void {
    this.atStart = true;
  }

  stamp(bytes: Uint8Array, time: string): Uint8Array {
    const prefix = encoder.encode(`\x1b[90m${time}\x1b[39m `);
    const parts: Uint8Array[] = [];
    let begin = 0;
    for (let index = 0; index < bytes.length; index++) {
      if (this.atStart && bytes[index] !== CR && bytes[index] !== LF) {
        parts.push(bytes.subarray(begin, index), prefix);
        begin = index;
        this.atStart = false;
      }
      if (bytes[index] === LF) this.atStart = true;
    }
    parts.push(bytes.subarray(begin));
    return joined(parts);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

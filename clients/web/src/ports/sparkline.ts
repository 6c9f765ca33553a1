/** A line of the traffic, as SVG. It is decoration: the rate beside it says the same. */
import { TRAFFIC_SECONDS } from "./traffic";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 16;

export class Sparkline {
  readonly element = document.createElementNS(SVG, "svg");
  private readonly line = document.createElementNS(SVG, "polyline");

  constructor() {
    this.element.setAttribute("viewBox", `0 0 ${TRAFFIC_SECONDS} ${HEIGHT}`);
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("class", "sparkline");
    this.element.setAttribute("aria-hidden", "true");
    this.element.append(this.line);
  }

  draw(rates: readonly number[]): void {
    const most = Math.max(1, ...rates);
    const points = rates.map((rate, index) => `${index},${(HEIGHT - 1 - (rate / most) * (HEIGHT - 2)).toFixed(1)}`);
    this.line.setAttribute("points", points.join(" "));
  }
}

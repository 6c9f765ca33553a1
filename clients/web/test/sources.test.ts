/** What the security of the page stands on: no text becomes markup or code, and nothing comes from elsewhere. */
import { expect, test } from "vitest";

const sources = import.meta.glob<string>("../src/**/*.ts", { query: "?raw", import: "default", eager: true });
const FORBIDDEN = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:|https?:\/\/(?!www\.w3\.org)|localStorage|document\.cookie/;

test("the sources do nothing that turns text into markup, nor name another origin", () => {
  const own = Object.entries(sources).filter(([path]) => !path.includes("/gen/"));
  expect(own.length).toBeGreaterThan(20);
  expect(own.filter(([, text]) => FORBIDDEN.test(text)).map(([path]) => path)).toEqual([]);
});

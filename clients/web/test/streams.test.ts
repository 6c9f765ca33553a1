import { expect, test } from "vitest";

import { Cursor } from "../src/console/cursor";
import { failureOfClose, failureOfReply } from "../src/rpc/failure";
import { delay } from "../src/rpc/retry";
import { formatPlaces, parsePlaces } from "../src/places";

test("a new console starts with the end of the history, and then at its offset", () => {
  const cursor = new Cursor();
  expect(cursor.startPoint.start.case).toBe("tailBytes");
  expect(cursor.opened("log", 70n)).toBe(true);
  cursor.offset = 90n;
  expect(cursor.startPoint.start).toEqual({ case: "offset", value: 90n });
});

test("an offset of another log is refused", () => {
  const cursor = new Cursor();
  cursor.opened("log", 0n);
  expect(cursor.opened("another", 0n)).toBe(false);
});

test("a reload fills the screen again, from what it showed at most", () => {
  const near = Cursor.restore({ logId: "log", start: 1000n, offset: 5000n });
  expect(near.startPoint.start.value).toBe(1000n);
  const far = Cursor.restore({ logId: "log", start: 0n, offset: 10_000_000n });
  expect(far.startPoint.start.value).toBe(10_000_000n - 131_072n);
});

test("an event that came before a reconnect is dropped, one without a number never", () => {
  const cursor = new Cursor();
  expect([cursor.isNew(4n), cursor.isNew(4n), cursor.isNew(3n), cursor.isNew(5n)]).toEqual([true, false, false, true]);
  expect([cursor.isNew(0n), cursor.isNew(0n)]).toEqual([true, true]);
});

test("a close code is a status", () => {
  expect(failureOfClose(1000, "")).toBeNull();
  expect(failureOfClose(4005, "no such port")).toMatchObject({ code: "not_found", message: "no such port", isFinal: true });
  expect(failureOfClose(1006, "")).toMatchObject({ code: "unavailable", isFinal: false });
  expect(failureOfClose(4999, "")).toMatchObject({ code: "unavailable" });
});

test("a reply that is not 200 is a failure with the server's sentence", () => {
  expect(failureOfReply(401, "")).toMatchObject({ code: "unauthenticated" });
  expect(failureOfReply(404, '{"code":"not_found","message":"no port"}')).toMatchObject({ code: "not_found", message: "no port" });
  expect(failureOfReply(421, "set hosts")).toMatchObject({ code: "permission_denied", message: "set hosts" });
  expect(failureOfReply(502, "<html>")).toMatchObject({ code: "unavailable" });
});

test("attempts become rarer, and never rarer than every ten seconds", () => {
  expect([delay(0, 0), delay(0, 1), delay(1, 1), delay(100, 1)]).toEqual([125, 250, 500, 10_000]);
});

test("what is open survives in the address, whatever the names are", () => {
  const places = { open: ["a b", "c&d=#"], front: "c&d=#", grid: true };
  expect(parsePlaces(formatPlaces(places))).toEqual(places);
  expect(parsePlaces("#open=a&open=a&front=b")).toEqual({ open: ["a"], front: "", grid: false });
});

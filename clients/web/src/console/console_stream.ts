/** The console's stream: Attach, opened again by offset after every loss of the connection, without a hole. */
import type { MessageInitShape } from "@bufbuild/protobuf";

import type { AttachRequestSchema, AttachResponse, AttachResponseSchema } from "../gen/vser/v1/console_service_pb";
import type { Data, Event, Gap, Opened } from "../gen/vser/v1/types_pb";
import type { Failure } from "../rpc/failure";
import { ATTACH } from "../rpc/kinds";
import { Retry } from "../rpc/retry";
import type { Server } from "../rpc/server";
import { Stream } from "../rpc/stream";
import type { Cursor } from "./cursor";

export type Request = NonNullable<MessageInitShape<typeof AttachRequestSchema>["item"]>;

/** How many bytes may be on the screen before the server hears of them, and how long. */
const ACKNOWLEDGE_BYTES = 64n * 1024n;
const ACKNOWLEDGE_MS = 200;
/** A connection that is lost shows only when something is sent. */
const ALIVE_MS = 20_000;

export interface ConsoleHandlers {
  opened(opened: Opened): void;
  data(data: Data): void;
  gap(gap: Gap): void;
  event(event: Event): void;
  /** The offsets have begun anew; what follows does not continue the screen. */
  anew(): void;
  /** Null: the connection ended in order. `retryMs`: when it is tried again; undefined: only reconnect() does. */
  lost(failure: Failure | null, retryMs: number | undefined): void;
}

export class ConsoleStream {
  private stream: Stream<typeof AttachRequestSchema, typeof AttachResponseSchema> | null = null;
  private readonly retry = new Retry(() => this.connect());
  private readonly alive = setInterval(() => this.acknowledge(), ALIVE_MS);
  private processed = 0n;
  private acknowledged = 0n;
  private timer = 0;

  constructor(
    private readonly server: Server,
    private readonly port: string,
    private readonly cursor: Cursor,
    private readonly handlers: ConsoleHandlers,
  ) {
    this.connect();
  }

  /** Now, whatever the stream is doing. */
  reconnect(): void {
    this.retry.reset();
    this.connect();
  }

  /** False: not connected, or too much waits; nothing was sent. */
  send(item: Request): boolean {
    return this.stream?.send({ item }) ?? false;
  }

  /** All bytes before this offset are on the screen. */
  processedTo(offset: bigint): void {
    this.processed = offset;
    if (offset - this.acknowledged >= ACKNOWLEDGE_BYTES) this.acknowledge();
    else if (this.timer === 0) this.timer = window.setTimeout(() => this.acknowledge(), ACKNOWLEDGE_MS);
  }

  close(): void {
    clearTimeout(this.timer);
    clearInterval(this.alive);
    this.retry.stop();
    this.stream?.close();
  }

  private acknowledge(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.acknowledged = this.processed;
    this.stream?.send({ item: { case: "acknowledged", value: this.processed } });
  }

  private connect(): void {
    this.stream?.close();
    const open = { port: this.port, from: this.cursor.startPoint, client: "browser" };
    const stream = new Stream(this.server, ATTACH, { item: { case: "open", value: open } }, {
      message: (message) => {
        if (this.stream === stream) this.take(message);
      },
      ended: (failure) => {
        if (this.stream === stream) this.ended(failure);
      },
    });
    this.stream = stream;
  }

  private take({ item }: AttachResponse): void {
    switch (item.case) {
      case "opened":
        return this.takeOpened(item.value);
      case "data":
        this.cursor.offset = item.value.offset + BigInt(item.value.bytes.length);
        return this.handlers.data(item.value);
      case "gap":
        this.cursor.offset = item.value.to;
        return this.handlers.gap(item.value);
      case "event":
        if (this.cursor.isNew(item.value.number)) this.handlers.event(item.value);
        return;
    }
  }

  private takeOpened(opened: Opened): void {
    if (!this.cursor.opened(opened.port?.logId ?? "", opened.offset)) return this.beginAnew();
    this.retry.reset();
    this.processed = this.cursor.offset;
    this.acknowledged = this.cursor.offset;
    this.handlers.opened(opened);
  }

  private beginAnew(): void {
    this.cursor.forget();
    this.handlers.anew();
    this.connect();
  }

  private ended(failure: Failure | null): void {
    this.stream = null;
    if (failure?.code === "out_of_range") return this.beginAnew();
    const retryMs = failure?.isFinal ? undefined : this.retry.schedule();
    this.handlers.lost(failure, retryMs);
  }
}

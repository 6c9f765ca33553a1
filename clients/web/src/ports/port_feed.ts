/** What the list knows: the ports as they change, and the bytes of those on screen as they arrive. */
import { PortService } from "../gen/vser/v1/port_service_pb";
import type { WatchPortsRequestSchema, WatchPortsResponse, WatchPortsResponseSchema } from "../gen/vser/v1/port_service_pb";
import type { CollectRequestSchema, CollectResponse, CollectResponseSchema } from "../gen/vser/v1/console_service_pb";
import { Role } from "../gen/vser/v1/rights_pb";
import type { Port } from "../gen/vser/v1/types_pb";
import { asFailure, type Failure } from "../rpc/failure";
import { COLLECT, WATCH } from "../rpc/kinds";
import { Retry } from "../rpc/retry";
import type { Server } from "../rpc/server";
import { Stream } from "../rpc/stream";

/** Readers and holders come with no event. */
const REFRESH_MS = 5000;
/** The visible ports change while the user scrolls. */
const SETTLE_MS = 300;
const TAIL_BYTES = 256n;

export interface FeedHandlers {
  port(port: Port): void;
  removed(name: string): void;
  /** `history`: from before now, so that it is no traffic. */
  bytes(name: string, bytes: Uint8Array, history: boolean): void;
  /** Null: connected. */
  state(failure: Failure | null): void;
}

export class PortFeed {
  private watch: Stream<typeof WatchPortsRequestSchema, typeof WatchPortsResponseSchema> | null = null;
  private collect: Stream<typeof CollectRequestSchema, typeof CollectResponseSchema> | null = null;
  private readonly retryWatch = new Retry(() => this.startWatch());
  private readonly retryCollect = new Retry(() => this.startCollect());
  private readonly ports = new Map<string, Port>();
  private wanted: readonly string[] = [];
  private heads = new Map<string, bigint>();
  private settle = 0;
  /** A call failed: the streams may be dead without knowing it. */
  private doubtful = false;

  constructor(
    private readonly server: Server,
    private readonly handlers: FeedHandlers,
  ) {
    this.startWatch();
    setInterval(() => void this.refresh(), REFRESH_MS);
  }

  restart(): void {
    this.retryWatch.reset();
    this.startWatch();
    this.startCollect();
  }

  get(name: string): Port | undefined {
    return this.ports.get(name);
  }

  /** The ports whose bytes are wanted. */
  want(names: readonly string[]): void {
    const sorted = [...names].sort();
    if (sorted.join("\n") === this.wanted.join("\n")) return;
    this.wanted = sorted;
    clearTimeout(this.settle);
    this.settle = window.setTimeout(() => this.startCollect(), SETTLE_MS);
  }

  private startWatch(): void {
    this.watch?.close();
    const watch = new Stream(this.server, WATCH, {}, {
      connected: () => this.handlers.state(null),
      message: (message) => this.takeChange(message),
      ended: (failure) => this.watchEnded(failure),
    });
    this.watch = watch;
  }

  private watchEnded(failure: Failure | null): void {
    this.handlers.state(failure);
    if (failure?.code === "unauthenticated") return;
    this.retryWatch.schedule();
  }

  private takeChange({ event }: WatchPortsResponse): void {
    this.retryWatch.reset();
    const port = event?.port;
    if (!port) return;
    if (event.removed) return this.remove(port.name);
    this.update(port);
  }

  private remove(name: string): void {
    this.ports.delete(name);
    this.handlers.removed(name);
  }

  /** Only the first state of a port has the role. */
  private update(port: Port): void {
    if (port.role === Role.UNSPECIFIED) port.role = this.ports.get(port.name)?.role ?? Role.UNSPECIFIED;
    this.ports.set(port.name, port);
    this.handlers.port(port);
  }

  private async refresh(): Promise<void> {
    if (document.hidden || this.ports.size === 0) return;
    try {
      const { ports } = await this.server.call(PortService.method.listPorts, {});
      if (this.doubtful) this.restart();
      this.doubtful = false;
      for (const port of ports) this.update(port);
      const names = new Set(ports.map((port) => port.name));
      for (const name of [...this.ports.keys()]) if (!names.has(name)) this.remove(name);
    } catch (error) {
      this.doubtful = true;
      this.handlers.state(asFailure(error));
    }
  }

  private startCollect(): void {
    this.collect?.close();
    this.collect = null;
    const names = this.wanted.filter((name) => (this.ports.get(name)?.role ?? Role.UNSPECIFIED) >= Role.READ);
    if (names.length === 0) return;
    this.heads = new Map(names.map((name) => [name, this.ports.get(name)?.nextOffset ?? 0n]));
    const sources = names.map((port) => ({ port, from: { start: { case: "tailBytes" as const, value: TAIL_BYTES } } }));
    this.collect = new Stream(this.server, COLLECT, { sources }, {
      message: (message) => this.takeRecords(message),
      ended: () => this.retryCollect.schedule(),
    });
  }

  private takeRecords({ records }: CollectResponse): void {
    this.retryCollect.reset();
    for (const record of records) {
      if (record.item.case !== "data") continue;
      this.handlers.bytes(record.port, record.item.value, record.offset < (this.heads.get(record.port) ?? 0n));
    }
  }
}

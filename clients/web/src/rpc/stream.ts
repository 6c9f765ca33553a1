/** One stream of messages on a WebSocket: a request first, then replies; Attach takes more requests. */
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";

import { asFailure, Failure, failureOfClose } from "./failure";
import type { Server } from "./server";

const PROTOCOL = "vser.v1";
/** What may wait in the browser for a slow server. */
const QUEUED_BYTES_MAX = 256 * 1024;

export interface StreamKind<I extends DescMessage, O extends DescMessage> {
  path: string;
  request: I;
  reply: O;
}

export interface StreamHandlers<O extends DescMessage> {
  /** The server has accepted the connection; it may still refuse the request. */
  connected?(): void;
  message(message: MessageShape<O>): void;
  /** Once, unless the stream was closed by this side. Null: the server ended it as it should. */
  ended(failure: Failure | null): void;
}

export class Stream<I extends DescMessage, O extends DescMessage> {
  private socket: WebSocket | null = null;
  private closed = false;

  constructor(
    server: Server,
    private readonly kind: StreamKind<I, O>,
    first: MessageInitShape<I>,
    private readonly handlers: StreamHandlers<O>,
  ) {
    void this.open(server, toBinary(kind.request, create(kind.request, first)));
  }

  /** False: not connected, or too much waits already; nothing was sent. */
  send(request: MessageInitShape<I>): boolean {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > QUEUED_BYTES_MAX) return false;
    socket.send(toBinary(this.kind.request, create(this.kind.request, request)).slice());
    return true;
  }

  close(): void {
    this.closed = true;
    this.socket?.close(1000);
  }

  private async open(server: Server, first: Uint8Array): Promise<void> {
    try {
      const ticket = await server.ticket();
      if (!this.closed) this.connect(ticket, first);
    } catch (error) {
      this.end(asFailure(error));
    }
  }

  private connect(ticket: string, first: Uint8Array): void {
    const url = new URL(this.kind.path, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    const socket = new WebSocket(url, [PROTOCOL, `ticket.${ticket}`]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      socket.send(first.slice());
      if (!this.closed) this.handlers.connected?.();
    };
    socket.onmessage = (event: MessageEvent<ArrayBuffer>) => this.receive(event.data);
    socket.onclose = (event) => this.end(failureOfClose(event.code, event.reason));
    this.socket = socket;
  }

  private receive(data: ArrayBuffer): void {
    if (this.closed) return;
    let message: MessageShape<O>;
    try {
      message = fromBinary(this.kind.reply, new Uint8Array(data));
    } catch {
      this.socket?.close(1000);
      this.end(new Failure("internal", "the server sent a message that this page cannot read; reload the page"));
      return;
    }
    this.handlers.message(message);
  }

  private end(failure: Failure | null): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers.ended(failure);
  }
}

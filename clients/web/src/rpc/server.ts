/** The server that this page came from: unary calls, tickets and the token. */
import {
  create,
  fromJson,
  toJson,
  type DescMessage,
  type DescMethodUnary,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";

import { asFailure, Failure, failureOfReply } from "./failure";

const TOKEN_KEY = "vserd.token";
const CALL_TIMEOUT_MS = 15_000;

export class Server {
  /** Stays in memory unless the user wants it remembered in this tab. */
  private token = sessionStorage.getItem(TOKEN_KEY) ?? "";
  /** Called when the server wants a token. */
  onLoginNeeded: () => void = () => {};

  get hasToken(): boolean {
    return this.token !== "";
  }

  setToken(token: string, keep: boolean): void {
    this.token = token;
    if (keep && token !== "") sessionStorage.setItem(TOKEN_KEY, token);
    else sessionStorage.removeItem(TOKEN_KEY);
  }

  /** Null: the token is good, or none is needed. */
  async checkLogin(): Promise<Failure | null> {
    try {
      await this.post("/ticket", "", false);
      return null;
    } catch (error) {
      return asFailure(error);
    }
  }

  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const body = JSON.stringify(toJson(method.input, create(method.input, request)));
    const reply = await this.post(`/${method.parent.typeName}/${method.name}`, body);
    return fromJson(method.output, JSON.parse(reply) as JsonValue, { ignoreUnknownFields: true });
  }

  /** A ticket opens one WebSocket. */
  async ticket(): Promise<string> {
    const reply = JSON.parse(await this.post("/ticket", "")) as { ticket: string };
    return reply.ticket;
  }

  private async post(path: string, body: string, askLogin = true): Promise<string> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (this.token) headers["Authorization"] = `Bearer ${this.token}`;
    const response = await fetch(path, {
      method: "POST",
      headers,
      body,
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.ok) return text;
    const failure = failureOfReply(response.status, text);
    if (failure.code === "unauthenticated" && askLogin) this.onLoginNeeded();
    throw failure;
  }
}

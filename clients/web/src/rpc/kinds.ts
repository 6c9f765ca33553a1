/** The streams of the server. */
import {
  AttachRequestSchema,
  AttachResponseSchema,
  CollectRequestSchema,
  CollectResponseSchema,
  ReadRequestSchema,
  ReadResponseSchema,
} from "../gen/vser/v1/console_service_pb";
import { WatchPortsRequestSchema, WatchPortsResponseSchema } from "../gen/vser/v1/port_service_pb";

export const ATTACH = { path: "/attach", request: AttachRequestSchema, reply: AttachResponseSchema };
export const READ = { path: "/read", request: ReadRequestSchema, reply: ReadResponseSchema };
export const WATCH = { path: "/watch", request: WatchPortsRequestSchema, reply: WatchPortsResponseSchema };
export const COLLECT = { path: "/collect", request: CollectRequestSchema, reply: CollectResponseSchema };

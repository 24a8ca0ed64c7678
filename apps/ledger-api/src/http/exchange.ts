import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';

/** A request as the parts see it that serve calls both through Fastify and beside it. */
export interface HttpRequest extends Pick<
  FastifyRequest,
  'id' | 'method' | 'url' | 'headers' | 'body' | 'query' | 'params' | 'ip' | 'is404' | 'startedAt'
> {
  readonly raw: Pick<IncomingMessage, 'rawHeaders' | 'url' | 'socket'>;
}

/** An answer on its way, of which nothing is sent before `send`. */
export interface HttpReply {
  readonly statusCode: number;
  code(status: number): HttpReply;
  /** @param name In lower case. A header that is set again is replaced. */
  header(name: string, value: string): HttpReply;
  headers(headers: Readonly<Record<string, string>>): HttpReply;
  hasHeader(name: string): boolean;
  /** To be called once. */
  send(text: string): unknown;
}

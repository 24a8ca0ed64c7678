import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer, HttpFailure } from './answer.js';

/** What Node.js says of a message that it could not read as a request. */
export interface UnreadableRequest {
  readonly code?: string;
  /** The bytes that were read last: the start of the message, unless it came in pieces. */
  readonly rawPacket?: unknown;
}

type AnswerTo = (failure: HttpFailure, path: string, requestId: string) => Answer;

/**
 * Answers what is no request at all, such as one whose head is too large or whose end can be read in two
 * ways, in the words of the dialect as far as its path was read; then closes the connection (H12).
 */
export function answerUnreadable(answerTo: AnswerTo) {
  return (error: UnreadableRequest, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    if (socket.writable) {
      const requestId = randomUUID();
      const answer = answerTo(failureOf(error.code), pathOf(error.rawPacket), requestId);
      socket.write(textOf(answer, requestId));
    }
    socket.destroySoon();
  };
}

function failureOf(code: string | undefined): HttpFailure {
  if (code === 'HPE_HEADER_OVERFLOW') return { kind: 'head-too-large' };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { kind: 'too-slow' };
  return { kind: 'unreadable' };
}

/** Empty when it was not read: whoever answers for all other paths then answers. */
function pathOf(rawPacket: unknown): string {
  const start = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1', 0, 200) : '';
  return /^[A-Z]+ (\/[^\s?]*)/.exec(start)?.[1] ?? '';
}

function textOf({ status, contentType, headers, body }: Answer, requestId: string): string {
  const text = body === null ? '' : JSON.stringify(body);
  const lines = {
    'content-type': contentType,
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    connection: 'close',
    ...headers,
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head.join('')}\r\n${text}`;
}

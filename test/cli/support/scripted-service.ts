import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** How one request is answered. `drop` closes the connection without an answer. */
export type Answer =
  | 'drop'
  | ((response: ServerResponse) => void)
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    };

/** A service that answers as a test says, one answer a request, the last one again and again. */
export interface ScriptedService {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  close(): Promise<void>;
}

export async function startScriptedService(
  ...answers: readonly Answer[]
): Promise<ScriptedService> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    void readBody(request).then((text) => {
      const { method = '', url: target = '', headers } = request;
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      const answer = answers[Math.min(seen.length, answers.length - 1)] ?? 'drop';
      seen.push({ method, target, headers, body });
      respond(answer, request, response);
    });
  });
  // No connection ends just as the program asks again over it.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function problem(status: number, code: string, more: object = {}): Answer {
  const headers = { 'content-type': 'application/problem+json' };
  const title = `Title of ${code}`;
  return { status, headers, body: { title, status, code, instance: 'request-1', ...more } };
}

function respond(answer: Answer, request: IncomingMessage, response: ServerResponse): void {
  if (answer === 'drop') {
    request.socket.destroy();
    return;
  }
  if (typeof answer === 'function') {
    answer(response);
    return;
  }
  const { status = 200, headers = {}, body } = answer;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

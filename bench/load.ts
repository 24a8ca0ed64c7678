import { connect, type Socket } from 'node:net';

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers with another status than 200. */
  readonly failed: number;
}

export interface Load {
  readonly port: number;
  /** Whole HTTP requests, sent in turn by all connections together. */
  readonly requests: readonly Buffer[];
  readonly connections: number;
  readonly durationMs: number;
}

/** One request as the bytes of HTTP/1.1, made once so that the generator costs less than what it measures. */
export function post(
  path: string,
  headers: Readonly<Record<string, string>>,
  body: object,
): Buffer {
  const text = JSON.stringify(body);
  const lines = Object.entries({
    host: '127.0.0.1',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`);
}

/** Sends requests over keep-alive connections, each waiting for its answer before the next. */
export async function runLoad({
  port,
  requests,
  connections,
  durationMs,
}: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  let failed = 0;
  let next = 0;
  const startedAt = performance.now();
  const deadline = startedAt + durationMs;

  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let sentAt = 0;
      let pending = '';
      const send = (): void => {
        sentAt = performance.now();
        if (sentAt >= deadline) {
          socket.destroy();
          resolve();
          return;
        }
        socket.write(requests[next++ % requests.length]!);
      };
      socket.on('data', (chunk) => {
        const text = pending === '' ? chunk.toString('latin1') : pending + chunk.toString('latin1');
        if (!isWhole(text)) {
          pending = text;
          return;
        }
        pending = '';
        latencies.push(performance.now() - sentAt);
        if (!text.startsWith('HTTP/1.1 200')) failed += 1;
        send();
      });
      socket.on('error', reject);
      send();
    });

  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  await Promise.all(sockets.map(drive));
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { perSecond: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), failed };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return false;
  const at = text.toLowerCase().indexOf('content-length: ');
  const length = Number.parseInt(text.slice(at + 16, at + 24), 10);
  return text.length >= head + 4 + length;
}

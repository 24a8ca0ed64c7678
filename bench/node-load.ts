import { connect, type Socket } from 'node:net';
import type { HttpCall, Load } from './load.js';
import { callers } from './rounds.js';

/** The generator for machines without wrk. It shares the cores with what it measures. */
export function nodeLoad(calls: readonly HttpCall[]): Load {
  // Made once, so that sending costs as little as it can.
  const requests = calls.map(bytesOf);
  let next = 0;
  return {
    async run(port, connections, ms) {
      const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
      const round = await callers(connections, ms, async (caller) => {
        const answer = await exchange(sockets[caller]!, requests[next++ % requests.length]!);
        if (!answer.startsWith('HTTP/1.1 200')) throw new Error(`answered ${answer.slice(0, 200)}`);
      });
      for (const socket of sockets) socket.destroy();
      return round;
    },
    close: () => undefined,
  };
}

/** A call as it is sent. */
export function bytesOf({ path, headers, body }: HttpCall): Buffer {
  const text = body ? JSON.stringify(body) : '';
  const ofBody = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
  };
  const all = { host: '127.0.0.1', ...(body ? ofBody : {}), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const method = body ? 'POST' : 'GET';
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`);
}

/** Sends a request, and resolves with its whole answer. */
export function exchange(socket: Socket, request: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const end = (): void => {
      socket.off('data', receive);
      socket.off('error', reject);
    };
    const receive = (chunk: Buffer): void => {
      answer += chunk.toString('latin1');
      if (!isWhole(answer)) return;
      end();
      resolve(answer);
    };
    socket.on('data', receive);
    socket.once('error', reject);
    socket.write(request);
  });
}

export function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return false;
  const [, length = '0'] = /content-length: (\d+)/i.exec(text) ?? [];
  return text.length >= head + 4 + Number(length);
}

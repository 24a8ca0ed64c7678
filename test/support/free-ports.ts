import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to whoever connects, or listens without naming one. */
const FIRST = 20_000;
/** For each worker of jest, which are numbered from 1; 0 is who runs without. */
const OF_ONE_WORKER = 1_000;
const WORKERS = 12;

const worker = Number(process.env['JEST_WORKER_ID'] ?? 0) % WORKERS;
let next = randomInt(OF_ONE_WORKER);

/**
 * A port that nobody listens on, and that nobody takes by luck: a port from the range of the kernel may be given
 * to any connection of this machine, between this call and its use or while a server that is to come back on it
 * is away.
 */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** The same, so many with nothing between them. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    next = (next + 1) % OF_ONE_WORKER;
    if (next === 0) ports.length = 0;
    const port = FIRST + worker * OF_ONE_WORKER + next;
    if (await isFree(port)) ports.push(port);
    else ports.length = 0;
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../../support/free-ports.js';

interface Pair {
  readonly outside: Socket;
  readonly inside: Socket;
}

/**
 * Stands before a server and carries its bytes, so that a test can take the network away: connections that die
 * without a word, a server that answers nothing more, a port that refuses.
 */
export class TcpFront {
  readonly #pairs = new Set<Pair>();
  /** Connections that nobody carries any more, kept open as a lost peer keeps them. */
  readonly #silent = new Set<Socket>();
  #server: Server | undefined;
  #isPaused = false;
  #port = 0;

  /** The port that clients see; the same after every start. */
  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async listen(insidePort: number): Promise<void> {
    const server = createServer((outside) => this.#carry(outside, insidePort));
    this.#port ||= await freePort();
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
  }

  /** Half-open: what is connected now stays connected, and nothing passes any more. New connections work. */
  freezeConnections(): void {
    for (const pair of this.#pairs) this.#silence(pair);
  }

  /** As a stopped process: connections are accepted, and no byte passes on any of them. */
  pause(): void {
    this.#isPaused = true;
    for (const { outside, inside } of this.#pairs) {
      outside.unpipe(inside);
      inside.unpipe(outside);
    }
  }

  /** What was sent meanwhile arrives now. */
  resume(): void {
    this.#isPaused = false;
    for (const pair of this.#pairs) join(pair);
  }

  /** Cuts every connection. */
  cut(): void {
    for (const { outside, inside } of this.#pairs) {
      outside.resetAndDestroy();
      inside.destroy();
    }
    for (const socket of this.#silent) socket.destroy();
    this.#pairs.clear();
    this.#silent.clear();
  }

  /** Refuses whoever connects, and cuts who is connected. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#isPaused = false;
    this.cut();
    if (!server) return;
    server.close();
    await once(server, 'close');
  }

  #carry(outside: Socket, insidePort: number): void {
    const inside = connect(insidePort, '127.0.0.1');
    const pair: Pair = { outside, inside };
    outside.setNoDelay(true);
    inside.setNoDelay(true);
    this.#pairs.add(pair);
    for (const socket of [outside, inside]) {
      socket.on('error', () => this.#drop(pair));
      socket.on('close', () => this.#drop(pair));
    }
    if (!this.#isPaused) join(pair);
  }

  #silence(pair: Pair): void {
    this.#pairs.delete(pair);
    this.#silent.add(pair.outside);
    pair.outside.unpipe(pair.inside);
    pair.inside.unpipe(pair.outside);
    pair.inside.removeAllListeners('close');
    pair.inside.destroy();
    pair.outside.on('close', () => this.#silent.delete(pair.outside));
  }

  #drop(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.outside.destroy();
    pair.inside.destroy();
  }
}

function join({ outside, inside }: Pair): void {
  outside.pipe(inside);
  inside.pipe(outside);
}

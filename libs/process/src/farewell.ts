import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';

/** How long a client has, after an answer, to ask once more and hear that its connection ends. */
const QUIET_MS = 1_000;
/** The same where answers go on coming, as on a stream that is followed. */
const FAREWELL_MS_MAX = 3_000;
const CHECK_MS = 50;

/** Ends the connections of a server so that no request meets one that is being closed. Made before it listens. */
export class Farewell {
  readonly #sockets = new Set<Socket>();

  constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /**
   * Stops accepting connections, and lets those there are take one more answer, which says that it is the
   * last. Closing an idle connection instead could meet a request on its way, which then fails; so an answer
   * to an earlier request, which could not say so yet, leaves its client time for one more.
   *
   * @param close Closes the server, and resolves when its last connection has closed. Called once clients had
   *   their time, at most `msMax` milliseconds.
   */
  async say(msMax: number, close: () => Promise<unknown>): Promise<void> {
    await this.#lastAnswers(msMax);
    // To node:http a connection without its first request is not idle: it would wait for one, for a minute.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
    // An answer that ends from now on leaves an idle connection behind, which nobody else would close.
    const sweep = setInterval(() => this.server.closeIdleConnections(), CHECK_MS);
    await close().finally(() => clearInterval(sweep));
  }

  async #lastAnswers(msMax: number): Promise<void> {
    // The HTTP server's own close would cut idle connections at once.
    NetServer.prototype.close.call(this.server);
    this.server.prependListener('request', (_request, response) => {
      response.setHeader('connection', 'close');
    });
    const written = new Map<Socket, number>();
    // Counted in checks: while the machine stood still nobody was quiet, and what came meanwhile is still to be read.
    let [saidMs, quietMs] = [0, 0];
    while (this.#sockets.size > 0) {
      for (const socket of this.#sockets) {
        if (written.get(socket) !== socket.bytesWritten) quietMs = 0;
        written.set(socket, socket.bytesWritten);
      }
      if (saidMs > Math.min(msMax, FAREWELL_MS_MAX) || quietMs > QUIET_MS) break;
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
      saidMs += CHECK_MS;
      quietMs += CHECK_MS;
    }
  }
}

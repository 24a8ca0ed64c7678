import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Log } from '@ledger/runtime';
import { writeLine } from './log-lines.js';
import type { ServiceState } from './service-state.js';

/** How long requests under way may take to finish (O3). */
const SHUTDOWN_MS_MAX = 25_000;
/** How long a client has, after an answer, to ask once more and hear that its connection ends. */
const FAREWELL_MS = 1_000;
/** The same where answers go on coming, as on a stream that is followed. */
const FAREWELL_MS_MAX = 3_000;
const IDLE_CHECK_MS = 50;

/** What is to be shut down, in this order. */
export interface ShutdownParts {
  readonly state: ServiceState;
  readonly log: Log;
  readonly server: Server;
  /** Ends what lasts, such as streams, and resolves when the last connection has closed. */
  readonly closeServer: () => Promise<void>;
  /** Writes the read models and lets go of the store. */
  readonly closeLedger: () => Promise<void>;
  readonly exit: (code: number) => void;
  /** Shorter in tests. */
  readonly withinMs?: number;
}

/** Ends the process so that no answer is lost and nothing is left unwritten (O3). */
export class Shutdown {
  readonly #sockets = new Set<Socket>();
  #isUnderWay = false;

  constructor(private readonly parts: ShutdownParts) {
    parts.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** What a signal asks for. A second one does not wait. */
  start(signal: string): void {
    const { state, log, exit } = this.parts;
    if (this.#isUnderWay) {
      writeLine(log, 'service.forced', { signal });
      exit(1);
      return;
    }
    this.#isUnderWay = true;
    state.stopping();
    writeLine(log, 'service.stopping', { signal });
    this.#run().then(
      (wasCutOff) => {
        writeLine(log, 'service.stopped');
        exit(wasCutOff ? 1 : 0);
      },
      (error: unknown) => {
        writeLine(log, 'service.stop-failed', { err: error });
        exit(1);
      },
    );
  }

  async #run(): Promise<boolean> {
    const { server, closeServer, closeLedger, log, withinMs = SHUTDOWN_MS_MAX } = this.parts;
    let wasCutOff = false;
    const deadline = setTimeout(() => {
      wasCutOff = true;
      writeLine(log, 'service.cut-off', { withinMs });
      server.closeAllConnections();
    }, withinMs);
    await this.#sayFarewell(Math.min(FAREWELL_MS_MAX, withinMs));
    // An answer that ends from now on leaves an idle connection behind, which nobody else would close.
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    await closeServer();
    clearInterval(sweep);
    clearTimeout(deadline);
    await closeLedger();
    return wasCutOff;
  }

  /**
   * Stops accepting connections, and lets those there are take one more answer, which says that it is the
   * last. Closing an idle connection instead could meet a request on its way, which then fails; so an answer
   * to an earlier request, which could not say so yet, leaves its client time for one more.
   */
  async #sayFarewell(msMax: number): Promise<void> {
    const { server } = this.parts;
    // The HTTP server's own close would cut idle connections at once.
    NetServer.prototype.close.call(server);
    server.prependListener('request', (_request, response) => {
      response.setHeader('connection', 'close');
    });
    const until = performance.now() + msMax;
    const written = new Map<Socket, number>();
    let quietSince = performance.now();
    while (this.#sockets.size > 0) {
      for (const socket of this.#sockets) {
        if (written.get(socket) !== socket.bytesWritten) quietSince = performance.now();
        written.set(socket, socket.bytesWritten);
      }
      const now = performance.now();
      if (now > until || now - quietSince > FAREWELL_MS) return;
      await new Promise((resolve) => setTimeout(resolve, IDLE_CHECK_MS));
    }
  }
}

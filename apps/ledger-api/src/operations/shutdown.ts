import type { Server } from 'node:http';
import { Farewell, type Log } from '@ledger/process';
import { writeLine } from './log-lines.js';
import type { ServiceState } from './service-state.js';

/** How long requests under way may take to finish (O3). */
const SHUTDOWN_MS_MAX = 25_000;

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
  readonly #farewell: Farewell;
  #isUnderWay = false;

  constructor(private readonly parts: ShutdownParts) {
    this.#farewell = new Farewell(parts.server);
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
    await this.#farewell.say(withinMs, closeServer);
    clearTimeout(deadline);
    await closeLedger();
    return wasCutOff;
  }
}

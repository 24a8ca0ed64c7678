import { destination, pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { GATEWAY_LINES, type GatewayLine, type GatewayLog } from '@ledger/gateway-cache';

const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/** Every line of the process itself, beside those of the gateway's parts. */
export const PROCESS_LINES = {
  'gateway.started': 'accepting requests',
  'gateway.stopping': 'finishing what is under way',
  'gateway.stopped': 'stopped: leases are given back, and the ledger knows',
  'gateway.cut-off': 'stopping took too long: ending without waiting any longer',
  'request.failed': 'a bug was hit: answered with 500',
  'process.crashed': 'a bug was hit outside of any request: ending',
} as const;

type ProcessLine = keyof typeof PROCESS_LINES;
type Level = 'info' | 'warn' | 'error' | 'fatal';

/**
 * One JSON object a line. Nothing that came with a request is ever logged: no header, no path, no body, so
 * there is no secret to be taken out.
 */
export class JsonLog implements GatewayLog {
  readonly #log: Logger;

  /** @param lines Where lines go; standard output when absent. */
  constructor(level: string, lines?: DestinationStream) {
    this.#log = pino(
      {
        ...{ level, base: { name: 'ledger-gateway' }, timestamp: stdTimeFunctions.isoTime },
        formatters: { level: (label) => ({ level: label }) },
        serializers: { err: describeError },
      },
      lines ?? destination({ dest: 1, sync: false, maxLength: WAITING_BYTES_MAX }),
    );
  }

  info(line: GatewayLine, fields: object = {}): void {
    this.#log.info({ event: line, ...fields }, GATEWAY_LINES[line]);
  }

  warn(line: GatewayLine, fields: object = {}): void {
    this.#log.warn({ event: line, ...fields }, GATEWAY_LINES[line]);
  }

  error(line: GatewayLine, fields: object = {}): void {
    this.#log.error({ event: line, ...fields }, GATEWAY_LINES[line]);
  }

  write(level: Level, line: ProcessLine, fields: object = {}): void {
    this.#log[level]({ event: line, ...fields }, PROCESS_LINES[line]);
  }
}

/** What helps to find a bug; members of errors may hold anything. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack } = error;
  return { type: name, message, stack };
}

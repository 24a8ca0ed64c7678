import { GATEWAY_LINES, type GatewayLine, type GatewayLog } from '@ledger/gateway-cache';
import { createLog, type Log, type LogOptions } from '@ledger/process';

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

/** One JSON object a line. Nothing that came with a request is logged: no header, no path, no body. */
export class JsonLog implements GatewayLog {
  readonly #log: Log;

  constructor(options: Omit<LogOptions, 'name'>) {
    this.#log = createLog({ ...options, name: 'ledger-gateway' });
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

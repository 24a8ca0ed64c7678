import type { LoggerService } from '@nestjs/common';
import type { Log } from '@ledger/process';

/** Lets everything that logs through Nest, its own parts and the libraries here, write to the one log. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Log) {}

  log(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('debug', message, rest);
  }

  warn(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('warn', message, rest);
  }

  error(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('error', message, rest);
  }

  fatal(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('fatal', message, rest);
  }

  debug(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: readonly unknown[]): void {
    this.#write('debug', message, rest);
  }

  /** Nest passes the context last, and with errors the stack before it. */
  #write(
    level: 'debug' | 'warn' | 'error' | 'fatal',
    message: unknown,
    rest: readonly unknown[],
  ): void {
    const context = rest.at(-1);
    const details = rest.slice(0, -1).filter((each) => each !== undefined);
    const fields = { event: 'component', context, ...(details.length > 0 ? { details } : {}) };
    if (typeof message === 'string') this.logger[level](fields, message);
    else if (message instanceof Error)
      this.logger[level]({ ...fields, err: message }, message.message);
    else this.logger[level]({ ...fields, details: [message, ...details] }, 'details follow');
  }
}

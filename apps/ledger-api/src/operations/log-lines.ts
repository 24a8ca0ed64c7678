import type { Log } from '@ledger/process';

/** Every line that this service writes by itself: how serious it is, and what it says. */
export const LOG_LINES = {
  'service.started': { level: 'info', says: 'accepting requests' },
  'service.stopping': { level: 'info', says: 'finishing what is under way' },
  'service.stopped': { level: 'info', says: 'stopped: everything is written' },
  'service.cut-off': { level: 'warn', says: 'stopping took too long: connections are cut' },
  'service.forced': { level: 'warn', says: 'asked to stop again: ending at once' },
  'service.stop-failed': { level: 'error', says: 'stopping failed' },
  'process.crashed': { level: 'fatal', says: 'a bug was hit outside of any request: ending' },
  'store.failed': { level: 'fatal', says: 'the store takes no more writes: ending' },
  'store.waiting': { level: 'warn', says: 'the store does not answer yet: trying again' },
  'files.exposed': { level: 'warn', says: 'others on this machine can reach files of the ledger' },
  'read-models.rebuilding': { level: 'info', says: 'the read models are being brought up to date' },
  request: { level: 'info', says: 'answered' },
  'request.hot': { level: 'debug', says: 'answered' },
  'request.failed': { level: 'error', says: 'a bug was hit: answered with 500' },
  'request.unavailable': { level: 'warn', says: 'could not be answered now: told to try again' },
  'admin.action': { level: 'info', says: 'a change was asked for and answered' },
  'authentication.failed': { level: 'warn', says: 'no valid credential was presented' },
  'access.denied': { level: 'warn', says: 'the caller may not do this, or not so often' },
} as const;

export type LogLine = keyof typeof LOG_LINES;

export function writeLine(log: Log, line: LogLine, fields: object = {}): void {
  const { level, says } = LOG_LINES[line];
  log[level]({ event: line, ...fields }, says);
}

import { resolve } from 'node:path';
import type { Secret } from '@ledger/commands';
import { DEMO_TENANT, type LedgerConfig } from '@ledger/runtime';

/** What whoever started the service wants to know first. Plain lines, also where all else is JSON. */
export function greeting(url: string, operationsUrl: string, config: LedgerConfig): string {
  return [
    `token-ledger listens on ${url}`,
    `API documentation        ${url}/docs`,
    `health and metrics       ${operationsUrl}/health/ready  ${operationsUrl}/metrics`,
    placeOfEvents(config),
  ].join('\n');
}

function placeOfEvents(config: LedgerConfig): string {
  switch (config.LEDGER_STORE) {
    case 'memory':
      return 'events are kept in memory and end with the process';
    case 'eventstoredb':
      return `events are kept in       ${config.LEDGER_EVENTSTOREDB_URL ?? ''}`;
    case 'sqlite':
      return `events are kept in       ${resolve(config.LEDGER_DATA_DIR)}`;
  }
}

/** The one time that the first admin's personal token is shown. It never goes through the log. */
export function firstStart(personalToken: Secret): string {
  return [
    '',
    `First start: the organization "${DEMO_TENANT.slug}" was created.`,
    `Personal token of its admin, shown this once: ${personalToken.reveal()}`,
  ].join('\n');
}

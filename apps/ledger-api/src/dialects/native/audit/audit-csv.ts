import type { AuditEventView } from './audit-mapper.js';

type Cell = string | null;

/** What spreadsheets take for the start of a formula, full-width forms and leading blanks included. */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

const COLUMNS: Readonly<Record<string, (event: AuditEventView) => Cell>> = {
  position: ({ position }) => position,
  occurredAt: ({ occurredAt }) => occurredAt,
  type: ({ type }) => type,
  actorKind: ({ actor }) => actor.kind,
  actorId: ({ actor }) => actor.id,
  actorEmail: ({ actor }) => actor.email,
  ip: ({ ip }) => ip,
  userAgent: ({ userAgent }) => userAgent,
  dialect: ({ dialect }) => dialect,
  requestId: ({ requestId }) => requestId,
  tokenId: ({ token }) => token?.id ?? null,
  tokenName: ({ token }) => token?.name ?? null,
  changes: ({ changes }) => changes && JSON.stringify(changes),
  details: ({ details }) => JSON.stringify(details),
  id: ({ id }) => id,
};

export const CSV_HEADER = rowOf(Object.keys(COLUMNS));

export function csvRow(event: AuditEventView): string {
  return rowOf(Object.values(COLUMNS).map((column) => column(event)));
}

/** One record as RFC 4180 writes it. A text that a spreadsheet would compute is led by an apostrophe. */
function rowOf(cells: readonly Cell[]): string {
  return `${cells.map((cell) => quoted(inert(cell ?? ''))).join(',')}\r\n`;
}

function inert(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n']|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

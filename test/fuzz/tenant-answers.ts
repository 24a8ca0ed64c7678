import type { Answer } from '../support/plain-calls.js';
import type { TenantRequest } from './tenant-requests.js';

const OWN_HEADERS = ['date', 'x-request-id', 'ledger-position', 'ratelimit', 'content-length'];
const OWN_MEMBERS = ['instance', 'position', 'consumed', 'remaining', 'lastUsedAt', 'last_used_at'];

/** All that an answer says, but for what names the request itself, and where the caller stands. */
export function shown(
  { operation }: TenantRequest,
  answer: Answer,
  names: readonly string[],
): string {
  const { status, headers, text, body } = answer;
  // A write that was done tells of what was made, which is another thing each time.
  const isAsked = /^(?:verify|verifyBatch|introspect)$/.test(operation.operationId);
  if (status < 300 && operation.method !== 'GET' && !isAsked) return String(status);
  const plain = JSON.stringify(body ?? text, (key, value: unknown) => {
    // A cursor is bound to what was asked, and so differs where the question does.
    if (key === 'nextCursor') return value !== null;
    return OWN_MEMBERS.includes(key) ? undefined : value;
  });
  const rest = [...headers].filter(([name]) => !OWN_HEADERS.includes(name));
  const said = JSON.stringify([status, rest, plain]);
  return names.reduce((all, name) => all.replaceAll(name, '<named>'), said);
}

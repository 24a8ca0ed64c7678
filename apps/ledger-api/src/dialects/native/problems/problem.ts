import { Refusal, type Answer } from '../../../http/answer.js';
import { PROBLEMS, problemType, type ProblemCode } from './problem-catalogue.js';

/** One thing wrong with a request, and where: in the body, the query, or the headers. */
export type Fault = { readonly message: string } & (
  { readonly pointer: string } | { readonly parameter: string } | { readonly header: string }
);

export interface ProblemParts {
  readonly detail?: string;
  /** Members that belong to the code. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A problem as RFC 9457 shapes it. `requestId` becomes its instance. */
export function problem(code: ProblemCode, requestId: string, parts: ProblemParts = {}): Answer {
  const { status, title } = PROBLEMS[code];
  const { detail = title, members = {}, headers = {} } = parts;
  const type = problemType(code);
  const body = { type, title, status, detail, instance: requestId, code, ...members };
  return { status, contentType: 'application/problem+json', headers, body };
}

export function refusal(code: ProblemCode, requestId: string, parts?: ProblemParts): Refusal {
  return new Refusal(problem(code, requestId, parts));
}

/** @param faults Everything that is wrong, so that one round of mending is enough. */
export function invalidRequest(requestId: string, faults: readonly Fault[]): Refusal {
  const detail = faults.map((fault) => `${placeOf(fault)}: ${fault.message}`).join('; ');
  return refusal('INVALID_REQUEST', requestId, { detail, members: { errors: faults } });
}

function placeOf(fault: Fault): string {
  if ('pointer' in fault) return fault.pointer === '' ? 'body' : fault.pointer;
  return 'parameter' in fault ? fault.parameter : fault.header;
}

const REALM = 'Bearer realm="token-ledger"';

/** Nothing was presented, so nothing is said about it (RFC 6750, section 3.1). */
export function noCredential(requestId: string): Refusal {
  const challenge = `${REALM}, Basic realm="token-ledger"`;
  return refusal('UNAUTHENTICATED', requestId, { headers: { 'www-authenticate': challenge } });
}

/** The same answer for every credential that is not alive, whatever the reason (S8). */
export function badCredential(requestId: string): Refusal {
  const challenge = `${REALM}, error="invalid_token"`;
  return refusal('UNAUTHENTICATED', requestId, { headers: { 'www-authenticate': challenge } });
}

export function severalCredentials(requestId: string): Refusal {
  const faults = [{ header: 'Authorization', message: 'must be sent once, with one credential' }];
  const { answer } = invalidRequest(requestId, faults);
  const challenge = `${REALM}, error="invalid_request"`;
  return new Refusal({ ...answer, headers: { 'www-authenticate': challenge } });
}

export function insufficientScope(requestId: string, scope: string): Refusal {
  const challenge = `${REALM}, error="insufficient_scope", scope="${scope}"`;
  return refusal('INSUFFICIENT_SCOPE', requestId, {
    detail: `The token does not hold ${scope}.`,
    members: { missingScopes: [scope] },
    headers: { 'www-authenticate': challenge },
  });
}

export function notFound(requestId: string): Refusal {
  return refusal('NOT_FOUND', requestId);
}

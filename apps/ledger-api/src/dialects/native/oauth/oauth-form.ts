import type { FastifyRequest } from 'fastify';
import { checkMediaType } from '../native-input.js';
import { invalidRequest, type Fault } from '../problems/problem.js';
import { Refusal } from '../../../http/answer.js';

const FORM = ['application/x-www-form-urlencoded'];
/** Credentials come by header alone (S12), and only once (A4). */
const CREDENTIALS = ['access_token', 'client_assertion', 'client_secret'];

/**
 * The secret that a form-encoded body asks about. Unknown parameters are ignored and repeated ones are
 * refused, as RFC 6749 says of both.
 *
 * @throws Failed 415. @throws Refusal 400, with the error code of RFC 6749 beside the problem's own.
 */
export function secretAskedAbout(request: FastifyRequest): string {
  checkMediaType(request, FORM);
  const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
  const form = new URLSearchParams(body);
  const faults: Fault[] = [];
  for (const name of new Set(form.keys())) {
    if (CREDENTIALS.includes(name)) {
      faults.push({ pointer: `/${name}`, message: 'must come in the Authorization header' });
    } else if (form.getAll(name).length > 1) {
      faults.push({ pointer: `/${escaped(name)}`, message: 'must be given once' });
    }
  }
  const token = form.get('token');
  if (token === null || token === '') faults.push({ pointer: '/token', message: 'is required' });
  if (token !== null && faults.length === 0) return token;
  throw asOauthError(invalidRequest(request.id, faults));
}

function asOauthError({ answer }: Refusal): Refusal {
  return new Refusal({ ...answer, body: { ...answer.body, error: 'invalid_request' } });
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

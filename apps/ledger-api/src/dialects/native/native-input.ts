import type { FastifyRequest } from 'fastify';
import { Failed } from '../../http/answer.js';
import type { HttpRequest } from '../../http/exchange.js';
import { parseJsonBody } from '../../http/json-text.js';
import { idempotencyKey } from '../../http/request-context.js';
import { atPointer, isObject, readInput } from './management/input-class.js';
import { ifMatchOf, minPositionOf, type NativeRequest } from './native-request.js';
import { invalidRequest, type Fault } from './problems/problem.js';
import type { CheckBasis, RouteContract } from './routes/route-contract.js';

/**
 * Reads what a request says, by its route's contract: headers, query and body.
 *
 * @throws Failed 415 for a body of another type. @throws Refusal 400 with every fault at once.
 */
export function readRequest(
  request: FastifyRequest,
  contract: RouteContract,
  basis: CheckBasis,
): NativeRequest['input'] {
  const faults = headerFaults(request, contract);
  const query = readQuery(request, contract, basis, faults);
  const body = readBody(request, contract, basis, faults);
  if (faults.length > 0) throw invalidRequest(request.id, faults);
  return { query, body };
}

/** What is wrong with the headers that every route takes, or every write. */
export function headerFaults(
  request: HttpRequest,
  { isWrite, takesIfMatch }: Pick<RouteContract, 'isWrite' | 'takesIfMatch'>,
): Fault[] {
  const faults: Fault[] = [];
  if (minPositionOf(request) === undefined) {
    faults.push({ header: 'Ledger-Min-Position', message: 'must be a position of the log' });
  }
  if (isWrite && idempotencyKey(request) === undefined) {
    const message = 'must be 1 to 255 visible ASCII characters, sent once';
    faults.push({ header: 'Idempotency-Key', message });
  }
  if (takesIfMatch && ifMatchOf(request).outcome === 'malformed') {
    faults.push({ header: 'If-Match', message: 'must be a list of entity tags, or *' });
  }
  return faults;
}

function readQuery(
  request: FastifyRequest,
  { query: contract }: RouteContract,
  basis: CheckBasis,
  faults: Fault[],
): object | undefined {
  const given = request.query as Readonly<Record<string, string | readonly string[]>>;
  const single: Record<string, string> = {};
  for (const [parameter, value] of Object.entries(given)) {
    if (!contract || !Object.hasOwn(contract.parameters, parameter)) {
      faults.push({ parameter, message: 'is not known here' });
    } else if (typeof value !== 'string') {
      faults.push({ parameter, message: 'must be given once' });
    } else {
      single[parameter] = value;
    }
  }
  if (!contract) return undefined;
  const { input, faults: invalid } = readInput(contract.type, single);
  for (const { path, message } of invalid) faults.push({ parameter: path[0]!, message });
  faults.push(...(contract.check?.(input, basis) ?? []));
  return input;
}

function readBody(
  request: FastifyRequest,
  { body: contract, form }: RouteContract,
  basis: CheckBasis,
  faults: Fault[],
): object | undefined {
  if (form) return undefined;
  const raw = request.body;
  const isEmpty = !Buffer.isBuffer(raw) || raw.length === 0;
  if (!contract) {
    if (!isEmpty) faults.push({ pointer: '', message: 'This route takes no body.' });
    return undefined;
  }
  if (!isEmpty) checkMediaType(request, contract.mediaTypes ?? JSON_ONLY);
  let value: unknown = isEmpty && !contract.required ? {} : undefined;
  try {
    if (!isEmpty) value = parseJsonBody(raw);
  } catch (error) {
    if (!(error instanceof Failed) || error.failure.kind !== 'malformed') throw error;
    faults.push({ pointer: '', message: error.failure.message });
    return undefined;
  }
  if (!isObject(value)) {
    faults.push({ pointer: '', message: 'The body must be a JSON object.' });
    return undefined;
  }
  const { input, faults: invalid } = readInput(contract.type, value);
  faults.push(...invalid.map(atPointer), ...(contract.check?.(input, basis) ?? []));
  return input;
}

const JSON_ONLY = ['application/json'];
const MEDIA_TYPE = /^([a-z]+\/[a-z+.-]+)(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?$/i;

/** @throws Failed 415, unless the body is of one of the types, in UTF-8. */
export function checkMediaType(request: HttpRequest, accepted: readonly string[]): void {
  const given = request.headers['content-type'] ?? '';
  const type = MEDIA_TYPE.exec(given)?.[1]?.toLowerCase();
  if (type !== undefined && accepted.includes(type)) return;
  const message = `The body must be ${accepted.join(' or ')}, in UTF-8.`;
  throw new Failed({ kind: 'unsupported-media-type', message });
}

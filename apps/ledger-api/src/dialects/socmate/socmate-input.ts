import { plainToInstance, type ClassConstructor } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { parseJsonBody } from '../../http/json-text.js';
import { unprocessable, type Fault } from './socmate-answers.js';

/**
 * Reads a JSON body. Unknown members are ignored, as this product does.
 *
 * @param isOptional An empty body then stands for one without members. @throws Refusal 422
 */
export function readBody<Body extends object>(
  type: ClassConstructor<Body>,
  raw: unknown,
  isOptional = false,
): Body {
  const parsed = parseJsonBody(raw);
  const value = isOptional ? (parsed ?? {}) : parsed;
  if (value === undefined) {
    throw unprocessable({ loc: ['body'], msg: 'field required', type: 'value_error.missing' });
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const msg = 'value is not a valid dict';
    throw unprocessable({ loc: ['body'], msg, type: 'type_error.dict' });
  }
  return checked(type, value, 'body');
}

/** Reads query parameters; unknown ones are ignored. @throws Refusal 422 */
export function readQuery<Query extends object>(
  type: ClassConstructor<Query>,
  query: unknown,
): Query {
  return checked(type, query as object, 'query');
}

function checked<T extends object>(type: ClassConstructor<T>, value: object, where: string): T {
  const instance = plainToInstance(type, value, { exposeDefaultValues: true });
  const faults = validateSync(instance, { whitelist: true, stopAtFirstError: true });
  if (faults.length > 0) throw unprocessable(...faults.map((fault) => asFault(fault, where)));
  return instance;
}

function asFault(
  { property, value, constraints, contexts }: ValidationError,
  where: string,
): Fault {
  const loc = [where, property];
  if (value === undefined) return { loc, msg: 'field required', type: 'value_error.missing' };
  if (value === null) {
    return { loc, msg: 'none is not an allowed value', type: 'type_error.none.not_allowed' };
  }
  const [name = '', msg = 'is not valid'] = Object.entries(constraints ?? {})[0] ?? [];
  const context = contexts?.[name] as { type?: string } | undefined;
  return { loc, msg, type: context?.type ?? 'value_error' };
}

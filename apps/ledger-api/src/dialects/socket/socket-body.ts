import { plainToInstance, type ClassConstructor } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { parseJsonBody } from '../../http/json-text.js';
import { badRequest, type Fault } from './socket-answers.js';

/**
 * Reads a JSON body whatever its content type says: one published client sends none.
 *
 * @throws Refusal 400 naming every fault. Unknown members are faults.
 */
export function readBody<Body extends object>(type: ClassConstructor<Body>, raw: unknown): Body {
  const value = parseJsonBody(raw);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw badRequest({ path: '', message: 'The body must be a JSON object.' });
  }
  return checked(type, value, { forbidNonWhitelisted: true });
}

/** Reads query parameters. Unknown ones are ignored: the published CLI sends some of its own. */
export function readQuery<Query extends object>(
  type: ClassConstructor<Query>,
  query: unknown,
): Query {
  return checked(type, query as object, { forbidNonWhitelisted: false });
}

function checked<T extends object>(
  type: ClassConstructor<T>,
  value: object,
  options: { readonly forbidNonWhitelisted: boolean },
): T {
  const instance = plainToInstance(type, value, { exposeDefaultValues: true });
  const faults = validateSync(instance, {
    whitelist: true,
    stopAtFirstError: true,
    ...options,
  });
  if (faults.length > 0) throw badRequest(...faults.flatMap((fault) => flatten(fault, '')));
  return instance;
}

function flatten({ property, constraints, children }: ValidationError, parent: string): Fault[] {
  const path = `${parent}/${property}`;
  const own = Object.values(constraints ?? {}).map((message) => ({ path, message }));
  return [...own, ...(children ?? []).flatMap((child) => flatten(child, path))];
}

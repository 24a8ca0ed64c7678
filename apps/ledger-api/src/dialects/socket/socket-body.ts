import { plainToInstance, type ClassConstructor } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { parseJsonBody } from '../../http/json-text.js';
import { badRequest, type Fault } from './socket-answers.js';

/**
 * Reads a JSON body whatever its content type says: one published client sends none.
 *
 * @param absent What stands for no body at all, where a route can do without.
 * @throws Refusal 400 naming every fault. Unknown members are faults.
 */
export function readBody<Body extends object>(
  type: ClassConstructor<Body>,
  raw: unknown,
  absent?: object,
): Body {
  const value = parseJsonBody(raw) ?? absent ?? null;
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

function flatten(fault: ValidationError, parent: string): Fault[] {
  const { property, constraints, contexts, value, children } = fault;
  const path = `${parent}/${property}`;
  // The library names a list as a whole; where the choice is known, its wrong items are named instead.
  const allowed = contexts?.['isIn']?.allowed as readonly unknown[] | undefined;
  const paths = allowed && Array.isArray(value) ? pathsOfOthers(value, allowed, path) : [path];
  const own = Object.values(constraints ?? {}).flatMap((message) => {
    return paths.map((each) => ({ path: each, message }));
  });
  return [...own, ...(children ?? []).flatMap((child) => flatten(child, path))];
}

function pathsOfOthers(
  items: readonly unknown[],
  allowed: readonly unknown[],
  path: string,
): readonly string[] {
  return items.flatMap((item, index) => (allowed.includes(item) ? [] : [`${path}/${index}`]));
}

import type { JsonSchema, RouteContract } from '../routes/route-contract.js';

/** Who may call the routes of people, organizations and the log, beside what every route may ask for. */
export type PeopleAccess =
  | RouteContract['access']
  /** Users with the operator flag. */
  | { readonly who: 'operators' }
  /** People, by their personal tokens. Whom they may ask about, the handler judges. */
  | { readonly who: 'people' }
  /** People of the organization in the path; no scope lets a token in. */
  | {
      readonly who: 'people-of-organization';
      readonly users: 'members' | 'admins';
      /** Whether operators read it as well, without belonging to it. */
      readonly operators: boolean;
    }
  /** Operators, admins of some organization, tokens that hold `ledger:events:read`. */
  | { readonly who: 'event-readers' };

export const EVENTS_SCOPE = 'ledger:events:read';

/** A route that deletes or puts, answers with nothing, asks for other people, or has several forms. */
export interface PeopleContract<
  Query extends object = object,
  Body extends object = object,
> extends Omit<RouteContract<Query, Body>, 'method' | 'access' | 'status' | 'answer'> {
  readonly method: RouteContract['method'] | 'PUT' | 'DELETE';
  readonly access: PeopleAccess;
  readonly status: RouteContract['status'] | 204;
  readonly answer: RouteContract['answer'] & {
    /** Further media types that the caller may ask for by Accept. */
    readonly alternatives?: Readonly<Record<string, JsonSchema>>;
  };
}

/**
 * The contract as the registry of routes holds it. The registry knows the common routes by type; the guard
 * asks `PeopleRoles` about access, and that knows these as well.
 */
export function asRoute<Query extends object, Body extends object>(
  contract: PeopleContract<Query, Body>,
): RouteContract<Query, Body> {
  return contract as RouteContract<Query, Body>;
}

/** What an answer may be beside its main form, as OpenAPI lists it. */
export function alternativesOf(
  answer: PeopleContract['answer'],
): Readonly<Record<string, { readonly schema: JsonSchema }>> {
  const pairs = Object.entries(answer.alternatives ?? {});
  return Object.fromEntries(pairs.map(([type, schema]) => [type, { schema }]));
}

import {
  applyDecorators,
  HttpCode,
  RequestMapping,
  RequestMethod,
  SetMetadata,
} from '@nestjs/common';
import type { Timestamp } from '@ledger/domain';
import type { LedgerScope } from '../ledger-scopes.js';
import type { Fault } from '../problems/problem.js';
import type { ProblemCode } from '../problems/problem-catalogue.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Who may call a route. There is no default: a route says it, or the service does not start (A1). */
export type Access =
  | { readonly who: 'anyone' }
  /** Whoever presents a living credential. */
  | { readonly who: 'caller' }
  /** Members or admins of the organization in the path; of its tokens, those that hold the scope. */
  | {
      readonly who: 'organization';
      readonly scope: LedgerScope;
      readonly users: 'members' | 'admins';
    }
  /** Those who may judge secrets: operators, admins of some organization, tokens that hold the scope. */
  | { readonly who: 'verifiers' };

export const VERIFY_SCOPE = 'ledger:tokens:verify' satisfies LedgerScope;

export type InputClass<T extends object = object> = new () => T;

/** What checks beyond the shape of the input may ask. */
export interface CheckBasis {
  readonly now: Timestamp;
  /** Whether the caller may hand out resources of the organization with this slug. */
  readonly mayGrant: (organizationSlug: string) => boolean;
}

/** Query parameters: the class that validates them, and what is published about them. */
export interface QueryContract<Query extends object> {
  readonly type: InputClass<Query>;
  readonly parameters: Readonly<
    Record<string, { readonly description: string; readonly schema: JsonSchema }>
  >;
  check?(query: Partial<Query>, basis: CheckBasis): readonly Fault[];
}

/** A JSON body: the class that validates it, and the schema that is published. A test holds them equal. */
export interface BodyContract<Body extends object> {
  readonly type: InputClass<Body>;
  readonly schema: JsonSchema;
  /** False: no body at all stands for an empty object. */
  readonly required: boolean;
  readonly mediaTypes?: readonly string[];
  check?(body: Partial<Body>, basis: CheckBasis): readonly Fault[];
}

export interface AnswerContract {
  readonly description: string;
  /** Absent: the answer has no body. */
  readonly schema?: JsonSchema;
  readonly mediaType?: string;
  readonly headers?: readonly ('ETag' | 'Location')[];
}

/** One route, said once: what serves it, what guards it and what documents it all read this. */
export interface RouteContract<Query extends object = object, Body extends object = object> {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** As OpenAPI writes it, with parameters in braces. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  readonly query?: QueryContract<Query>;
  readonly body?: BodyContract<Body>;
  /** A form-encoded body, which its RFC describes and the controller reads. */
  readonly form?: JsonSchema;
  /** Whether Idempotency-Key is taken. */
  readonly isWrite?: boolean;
  readonly takesIfMatch?: boolean;
  readonly status: 200 | 201;
  readonly answer: AnswerContract;
  /** Beyond those that any route may answer with. */
  readonly problems: readonly ProblemCode[];
}

const CONTRACT = 'native-route-contract';

/** Serves a route as its contract says. */
export function NativeRoute(contract: RouteContract): MethodDecorator {
  return applyDecorators(
    RequestMapping({
      path: contract.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      method: RequestMethod[contract.method],
    }),
    HttpCode(contract.status),
    SetMetadata(CONTRACT, contract),
  );
}

/** The contract of a controller's method, or undefined when it has none. */
export function contractOf(handler: object): RouteContract | undefined {
  return Reflect.getMetadata(CONTRACT, handler) as RouteContract | undefined;
}

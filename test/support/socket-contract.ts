import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import { parse } from 'yaml';

/** The operations of the Socket dialect, by what they do, and their ids in the OpenAPI documents. */
const OPERATION_IDS = {
  create: 'postAPIToken',
  list: 'getAPITokens',
  update: 'postAPITokenUpdate',
  rotate: 'postAPITokensRotate',
  revoke: 'postAPITokensRevoke',
  quota: 'getQuota',
  organizations: 'getOrganizations',
  auditLog: 'getAuditLogEvents',
} as const;

export type Operation = keyof typeof OPERATION_IDS;

/** How an operation is called: its method and its path below `/v0`. */
export interface OperationShape {
  readonly method: 'GET' | 'POST';
  readonly path: string;
}

interface Described {
  readonly operationId: string;
  readonly responses: Record<string, Response>;
}

interface Response {
  readonly $ref?: string;
  readonly content?: { readonly 'application/json'?: { readonly schema: object } };
}

interface OpenApi {
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: { readonly responses: Record<string, Response> };
}

const DOCUMENTS: readonly OpenApi[] = ['socket-api-tokens', 'socket-audit-log'].map((name) => {
  const file = resolve('test', 'reference', `${name}.openapi.yaml`);
  return parse(readFileSync(file, 'utf8')) as OpenApi;
});

/** What an answer outside the documents must look like all the same: the error of every operation. */
const COMMON_ERROR = {
  type: 'object',
  additionalProperties: false,
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      additionalProperties: false,
      required: ['message', 'details'],
      properties: {
        message: { type: 'string', minLength: 1 },
        details: { type: ['object', 'null'] },
      },
    },
  },
};

/** Statuses that no operation declares and that the service gives nevertheless. */
const UNDECLARED: readonly number[] = [400, 403, 413, 415, 503];

// The documents are OpenAPI 3.0: `nullable` is theirs, and so are words that JSON Schema does not know.
const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
const validateCommonError = ajv.compile(COMMON_ERROR);

interface Contract extends OperationShape {
  readonly answers: ReadonlyMap<number, ValidateFunction>;
}

const CONTRACTS = new Map<Operation, Contract>();
for (const document of DOCUMENTS) {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const operation = Object.entries(OPERATION_IDS).find(
        ([, id]) => id === described.operationId,
      );
      if (!operation) throw new Error(`${described.operationId} is not covered`);
      CONTRACTS.set(operation[0] as Operation, {
        method: method.toUpperCase() as 'GET' | 'POST',
        path,
        answers: answersOf(document, described),
      });
    }
  }
}

function answersOf(
  { components }: OpenApi,
  { responses }: Described,
): ReadonlyMap<number, ValidateFunction> {
  const answers = new Map<number, ValidateFunction>();
  for (const [status, response] of Object.entries(responses)) {
    const name = response.$ref?.split('/').at(-1);
    const { content } = name === undefined ? response : components.responses[name]!;
    const schema = content?.['application/json']?.schema;
    if (!schema) throw new Error(`the answer ${status} has no schema`);
    answers.set(Number(status), ajv.compile(asJsonSchema(schema) as object));
  }
  return answers;
}

/** OpenAPI 3.0 `nullable` as JSON Schema says it: null among the types, and in the enum. */
function asJsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asJsonSchema);
  if (schema === null || typeof schema !== 'object') return schema;
  const { nullable, ...rest } = schema as Record<string, unknown>;
  const converted = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, asJsonSchema(value)]),
  );
  if (nullable !== true) return converted;
  const { type, enum: values } = converted;
  return {
    ...converted,
    type: [type, 'null'],
    ...(Array.isArray(values) ? { enum: [...(values as unknown[]), null] } : {}),
  };
}

export function shapeOf(operation: Operation): OperationShape {
  const { method, path } = CONTRACTS.get(operation)!;
  return { method, path };
}

export const OPERATIONS = [...CONTRACTS.keys()] as readonly Operation[];

/** @throws Error When the body is not what the documents promise for this operation and status. */
export function checkAnswer(operation: Operation | null, status: number, body: unknown): void {
  const declared = operation && CONTRACTS.get(operation)!.answers.get(status);
  if (!declared && operation && !UNDECLARED.includes(status)) {
    throw new Error(
      `${operation} answered ${status}, which nothing allows: ${JSON.stringify(body)}`,
    );
  }
  const validate = declared ?? validateCommonError;
  if (validate(body)) return;
  const faults = ajv.errorsText(validate.errors);
  throw new Error(`${operation} answered ${status} out of contract: ${faults}`);
}

import formats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { nativeOpenApi } from '../../../apps/ledger-api/src/dialects/native/native-openapi.js';
import { isPlainText } from '../../../apps/ledger-api/src/dialects/native/plain-text.js';

interface Documented {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, DocumentedAnswer>>;
}

interface DocumentedAnswer {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly headers: Readonly<Record<string, { readonly required?: boolean }>>;
  };
}

export const openApi = nativeOpenApi() as OpenApi;

/** Validates by the schemas of the published document. */
export function contractAjv(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addFormat('plain-text', isPlainText);
  for (const [name, schema] of Object.entries(openApi.components.schemas)) {
    ajv.addSchema(schema, `#/components/schemas/${name}`);
  }
  return ajv;
}

const ajv = contractAjv();
const compiled = new Map<object, ValidateFunction>();
const problem = ajv.getSchema('#/components/schemas/Problem')!;

export interface Answered {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** @throws Error When an answer is not one that the published document describes. */
export function checkAnswer(answer: Answered): void {
  const { method, path, status, headers, body } = answer;
  const fail = (reason: string): never => {
    throw new Error(`${method} ${path} answered ${status}: ${reason}\n${JSON.stringify(body)}`);
  };
  if (!headers.has('x-request-id')) fail('no X-Request-Id');
  if (path.startsWith('/v1') && !/^\d+$/.test(headers.get('ledger-position') ?? '')) {
    fail('no Ledger-Position');
  }
  if (headers.get('cache-control') !== 'no-store' && !path.startsWith('/docs/')) {
    fail('may be cached');
  }
  if (status === 429 || status === 503) {
    if (!/^[1-9]\d*$/.test(headers.get('retry-after') ?? '')) fail('no Retry-After');
  }
  const operation = operationOf(method, path);
  if (!operation) {
    // Paths and methods that are not documented have the one form of answer that all errors have.
    if (status < 400 || !problem(body)) fail('is no problem');
    return;
  }
  const documented = operation.responses[status] ?? fail('the status is not documented');
  for (const name of Object.keys(documented.headers ?? {})) {
    const { required = false } = openApi.components.headers[name]!;
    if (required && !headers.has(name)) fail(`lacks the documented header ${name}`);
  }
  const [[type, content] = []] = Object.entries(documented.content ?? {});
  if (type === undefined || content === undefined) {
    if (body !== undefined) fail('has a body');
    return;
  }
  const given = headers.get('content-type') ?? '';
  if (type !== '*/*' && !given.startsWith(type)) fail(`is of type ${given}, not ${type}`);
  if (!type.endsWith('json')) return;
  let validate = compiled.get(content.schema);
  if (!validate) compiled.set(content.schema, (validate = ajv.compile(content.schema)));
  for (const each of type === 'application/x-ndjson' ? (body as unknown[]) : [body]) {
    if (!validate(each)) fail(ajv.errorsText(validate.errors));
  }
}

function operationOf(method: string, path: string): Documented | undefined {
  const plain = path.split('?', 1)[0]!;
  const [, operations] =
    Object.entries(openApi.paths)
      .sort(([a], [b]) => a.split('{').length - b.split('{').length)
      .find(([template]) => {
        return new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(plain);
      }) ?? [];
  return operations?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
}

import { alternativesOf } from './people/people-contract.js';
import { PROBLEMS, type ProblemCode } from './problems/problem-catalogue.js';
import { AUDIT_ROUTES } from './routes/audit-routes.js';
import { DOCUMENTATION_ROUTES } from './routes/documentation-routes.js';
import { EVENT_ROUTES } from './routes/event-routes.js';
import { GATEWAY_ROUTES } from './routes/gateway-routes.js';
import { HOT_ROUTES } from './routes/hot-routes-contract.js';
import { INVALIDATION_ROUTES } from './routes/invalidation-routes.js';
import { LEASE_ROUTES } from './routes/lease-routes.js';
import { OAUTH_ROUTES } from './routes/oauth-routes.js';
import { ORGANIZATION_ROUTES } from './routes/organization-routes.js';
import type { JsonSchema, RouteContract } from './routes/route-contract.js';
import { COMPONENT_SCHEMAS, position, ref, text } from './routes/schemas.js';
import { SECRET_ROUTES } from './routes/secret-routes.js';
import { SELF_ROUTES } from './routes/self-routes.js';
import { TOKEN_ROUTES } from './routes/token-routes.js';
import { USER_ROUTES } from './routes/user-routes.js';

/** Every route of the native API: what is served, guarded and documented. */
export const NATIVE_ROUTES: readonly RouteContract[] = [
  ...HOT_ROUTES,
  ...LEASE_ROUTES,
  ...SELF_ROUTES,
  ...TOKEN_ROUTES,
  ...SECRET_ROUTES,
  ...OAUTH_ROUTES,
  ...ORGANIZATION_ROUTES,
  ...USER_ROUTES,
  ...AUDIT_ROUTES,
  ...EVENT_ROUTES,
  ...INVALIDATION_ROUTES,
  ...GATEWAY_ROUTES,
  ...DOCUMENTATION_ROUTES,
];

type Members = Readonly<Record<string, unknown>>;

/** The native API as an OpenAPI 3.1 document, written from the contracts that its routes are served by. */
export function nativeOpenApi(): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of NATIVE_ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Token Ledger',
      version: '1',
      description:
        'An event-sourced service of record for API tokens. Every answer tells the log position it was judged at; every write can be repeated safely with an `Idempotency-Key`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { basic: [] }],
    paths,
    components: {
      schemas: COMPONENT_SCHEMAS,
      headers: HEADERS,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            "An organization token's secret, or a personal token. `token` works as well.",
        },
        basic: { type: 'http', scheme: 'basic', description: 'The secret as the user name.' },
      },
    },
  };
}

const HEADERS = {
  ETag: { description: 'The revision of the token. Absent in a view of the past.', schema: text },
  Location: { description: 'Path of what was created.', required: true, schema: text },
  'Ledger-Position': {
    description: 'The position of the log that was judged at, or written at.',
    required: true,
    schema: position,
  },
  'X-Request-Id': {
    description: 'Names the request in logs and events.',
    required: true,
    schema: text,
  },
  'Retry-After': { description: 'Seconds to wait.', required: true, schema: { type: 'integer' } },
  'WWW-Authenticate': { description: 'RFC 6750.', required: true, schema: text },
  Allow: { description: 'The methods of the path.', required: true, schema: text },
} as const;

function operation(route: RouteContract): Members {
  const { operationId, tag, summary, description, access } = route;
  const isOpen = access.who === 'anyone';
  return {
    operationId,
    tags: [tag],
    summary,
    description: [description, accessText(route)].filter(Boolean).join('\n\n'),
    ...(isOpen ? { security: [] } : {}),
    parameters: parametersOf(route),
    ...requestBody(route),
    responses: { [route.status]: success(route), ...problemResponses(route) },
  };
}

function accessText({ access }: RouteContract): string {
  switch (access.who) {
    case 'anyone':
      return '';
    case 'caller':
      return 'For every living credential.';
    case 'verifiers':
      return 'For operators, for admins, and for tokens with the scope `ledger:tokens:verify`, each within their organizations.';
    case 'organization':
      return `For ${access.users} of the organization, and for its tokens with the scope \`${access.scope}\`.`;
  }
}

function parametersOf({ path, query, access, isWrite, takesIfMatch }: RouteContract): Members[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true, schema: text },
    description: name === 'org' ? 'The organization, by id or slug.' : '',
  }));
  const inQuery = Object.entries(query?.parameters ?? {}).map(([name, parameter]) => ({
    ...{ name, in: 'query', required: false },
    ...parameter,
  }));
  const header = (name: string, description: string, schema: JsonSchema): Members => ({
    ...{ name, in: 'header', required: false, description, schema },
  });
  const inHeader: Members[] = [];
  if (access.who !== 'anyone') {
    const about = 'Waits until this node has processed the position, at most 2 seconds.';
    inHeader.push(header('Ledger-Min-Position', about, position));
  }
  if (isWrite) {
    const about = 'Makes a repeat of the same request get the first answer, for 24 hours.';
    inHeader.push(header('Idempotency-Key', about, { ...text, minLength: 1, maxLength: 255 }));
  }
  if (takesIfMatch) inHeader.push(header('If-Match', 'The ETag that was seen.', text));
  return [...inPath, ...inQuery, ...inHeader];
}

function requestBody(route: RouteContract): Members {
  const { body, form } = route;
  if (form) return bodyOf(form, true, ['application/x-www-form-urlencoded']);
  if (body) return bodyOf(body.schema, body.required, body.mediaTypes ?? ['application/json']);
  const hot = HOT_ROUTES.find(({ operationId }) => operationId === route.operationId);
  return hot ? bodyOf(hot.json, true, ['application/json']) : {};
}

function bodyOf(schema: JsonSchema, required: boolean, mediaTypes: readonly string[]): Members {
  const content = Object.fromEntries(mediaTypes.map((type) => [type, { schema }]));
  return { requestBody: { required, content } };
}

const headerRefs = (names: readonly string[]): Members =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

function success({ answer, path }: RouteContract): Members {
  const { description, schema, mediaType = 'application/json', headers = [] } = answer;
  const common = path.startsWith('/v1/') ? ['Ledger-Position', 'X-Request-Id'] : ['X-Request-Id'];
  return {
    description,
    headers: headerRefs([...common, ...headers]),
    ...(schema ? { content: { [mediaType]: { schema }, ...alternativesOf(answer) } } : {}),
  };
}

/** What any route may answer with, by what it takes. */
function commonProblems(route: RouteContract): readonly ProblemCode[] {
  const { access, isWrite, takesIfMatch } = route;
  if (access.who === 'anyone') return ['INTERNAL_ERROR', 'INVALID_REQUEST', 'OVERLOADED'];
  const codes: ProblemCode[] = ['INVALID_REQUEST', 'UNAUTHENTICATED', 'BEHIND', 'INTERNAL_ERROR'];
  codes.push('OVERLOADED');
  codes.push('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (access.who === 'organization') {
    codes.push('NOT_FOUND', 'INSUFFICIENT_SCOPE');
    if (access.users === 'admins') codes.push('FORBIDDEN');
  }
  if (isWrite) codes.push('IDEMPOTENCY_KEY_REUSED', 'CONTENTION', 'STORE_UNAVAILABLE');
  if (takesIfMatch) codes.push('PRECONDITION_FAILED');
  return codes;
}

const PROBLEM_HEADERS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  405: ['Allow'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

function problemResponses(route: RouteContract): Members {
  const codes = [...new Set([...commonProblems(route), ...route.problems])];
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const own = codes.filter((code) => PROBLEMS[code].status === status);
      const schema = { allOf: [ref('Problem'), { properties: { code: { enum: own } } }] };
      const common = route.path.startsWith('/v1/') ? ['Ledger-Position'] : [];
      return [
        status,
        {
          description: own.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
          headers: headerRefs([...common, 'X-Request-Id', ...(PROBLEM_HEADERS[status] ?? [])]),
          content: { 'application/problem+json': { schema } },
        },
      ];
    }),
  );
}

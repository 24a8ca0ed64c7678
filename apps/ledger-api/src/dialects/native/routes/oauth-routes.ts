import { DIALECTS } from '../limits.js';
import type { JsonSchema, RouteContract } from './route-contract.js';
import { exactly, orNull, text } from './schemas.js';

const TAG = 'OAuth 2.0';

/** Parameters beyond these are ignored, as the RFCs say. */
const form: JsonSchema = {
  type: 'object',
  properties: { token: { ...text, description: 'The secret.' }, token_type_hint: text },
  required: ['token'],
};

const seconds: JsonSchema = { type: 'integer', description: 'Seconds since the Unix epoch.' };

export const INTROSPECT: RouteContract = {
  method: 'POST',
  path: '/v1/introspect',
  operationId: 'introspect',
  tag: TAG,
  summary: 'Token introspection (RFC 7662)',
  description: 'A secret that is not alive, or not the caller’s to see, is just not active.',
  access: { who: 'verifiers' },
  form,
  status: 200,
  answer: {
    description: 'What the secret is.',
    schema: {
      oneOf: [
        exactly({ active: { const: false } }),
        {
          type: 'object',
          properties: {
            active: { const: true },
            scope: { ...text, description: 'Scopes, separated by spaces.' },
            client_id: { ...text, description: 'Id of the token.' },
            sub: { ...text, description: 'Id of the token.' },
            jti: { ...text, description: 'Id of the secret.' },
            token_type: { const: 'Bearer' },
            iat: seconds,
            exp: {
              ...seconds,
              description:
                'Seconds since the Unix epoch: the expiry of the token, or the end of the grace of this secret where that comes first.',
            },
            org_id: text,
            owner_id: orNull(text),
            name: text,
            dialect: { enum: DIALECTS },
            resources: { type: 'array', items: { type: 'object' } },
          },
          required: ['active', 'scope', 'client_id', 'sub', 'jti', 'token_type', 'iat', 'org_id'],
          additionalProperties: false,
        },
      ],
    },
  },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE'],
};

export const REVOKE_SECRET: RouteContract = {
  method: 'POST',
  path: '/v1/revoke',
  operationId: 'revokeSecret',
  tag: TAG,
  summary: 'Token revocation (RFC 7009)',
  description:
    'Who presents a secret may revoke it; otherwise what /v1/orgs/{org}/tokens/{id}/revoke demands. A secret that is not alive, or not the caller’s to see, is answered alike.',
  access: { who: 'caller' },
  form,
  isWrite: true,
  status: 200,
  answer: { description: 'The secret is not alive now.' },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE'],
};

export const OAUTH_ROUTES: readonly RouteContract[] = [INTROSPECT, REVOKE_SECRET];

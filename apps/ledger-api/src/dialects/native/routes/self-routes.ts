import { DIALECTS } from '../limits.js';
import { RevokeTokenBody } from '../management/token.dto.js';
import type { RouteContract } from './route-contract.js';
import { exactly, instant, listOf, orNull, ref, text, texts, uuid } from './schemas.js';
import { revokeBody } from './token-bodies.js';

const TAG = 'Self';

const organization = exactly({ id: uuid, slug: text, name: orNull(text) });

export const GET_SELF: RouteContract = {
  method: 'GET',
  path: '/v1/self',
  operationId: 'getSelf',
  tag: TAG,
  summary: 'Who the presented secret is',
  access: { who: 'caller' },
  status: 200,
  answer: {
    description: 'The caller.',
    schema: exactly({
      principal: exactly({ kind: { enum: ['user', 'org_token'] }, id: uuid }),
      tokenId: { ...uuid, description: 'The token whose secret was presented.' },
      name: orNull(text),
      dialect: orNull({ enum: DIALECTS }),
      organization: orNull({ ...organization, description: "That of an organization's token." }),
      organizations: {
        ...listOf(
          exactly({
            ...{ id: uuid, slug: text, name: orNull(text) },
            role: { enum: ['admin', 'member'] },
          }),
        ),
        description: 'Those that a user belongs to.',
      },
      operator: { type: 'boolean' },
      scopes: { ...texts, description: 'A user acts by role, and holds none.' },
      quota: ref('Quota'),
      expiresAt: orNull(instant),
    }),
  },
  problems: [],
};

export const REVOKE_SELF: RouteContract<object, RevokeTokenBody> = {
  method: 'POST',
  path: '/v1/self/revoke',
  operationId: 'revokeSelf',
  tag: TAG,
  summary: 'End the presented secret, and the token that it belongs to',
  description: 'Always allowed, whatever the scopes. Nothing but the secret itself is needed.',
  access: { who: 'caller' },
  body: { type: RevokeTokenBody, required: false, schema: revokeBody },
  isWrite: true,
  status: 200,
  answer: {
    description: 'What was revoked.',
    schema: exactly({
      tokenId: uuid,
      revocationId: orNull({ ...uuid, description: 'Null for a personal token.' }),
    }),
  },
  problems: [],
};

export const SELF_ROUTES: readonly RouteContract[] = [GET_SELF, REVOKE_SELF];

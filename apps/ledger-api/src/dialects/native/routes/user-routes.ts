import { LIMITS } from '../limits.js';
import {
  CreateUserBody,
  EMAIL_FORM,
  EMAIL_LENGTH_MAX,
  IssuePersonalTokenBody,
  ListQuery,
  ROLES,
} from '../people/people.dto.js';
import { asRoute } from '../people/people-contract.js';
import { pageParameters } from './organization-routes.js';
import type { RouteContract } from './route-contract.js';
import {
  closed,
  exactly,
  instant,
  listOf,
  orNull,
  pageOf,
  plainText,
  text,
  uuid,
} from './schemas.js';

const TAG = 'People';
const USERS = '/v1/users';
const USER = `${USERS}/{id}`;
const PERSONAL_TOKENS = `${USER}/personal-tokens`;

const user = exactly({
  id: uuid,
  email: text,
  name: orNull(text),
  operator: { type: 'boolean' },
  createdAt: instant,
  organizations: {
    ...listOf(exactly({ id: uuid, slug: text, name: orNull(text), role: { enum: ROLES } })),
    description: 'Those that the caller may know of.',
  },
});

const personalToken = exactly({
  id: uuid,
  label: text,
  preview: { ...text, description: 'The last four characters.' },
  issuedAt: instant,
  revokedAt: orNull(instant),
});

const FOR_THEMSELVES = 'For the user themselves, and for operators.';

export const CREATE_USER = asRoute<object, CreateUserBody>({
  method: 'POST',
  path: USERS,
  operationId: 'createUser',
  tag: TAG,
  summary: 'Register a person',
  description: 'They act by a personal token, which is issued next. For operators.',
  access: { who: 'operators' },
  body: {
    type: CreateUserBody,
    required: true,
    schema: closed(
      {
        email: { type: 'string', maxLength: EMAIL_LENGTH_MAX, pattern: EMAIL_FORM },
        name: orNull(plainText(1, LIMITS.name, { pattern: '\\S' })),
        operator: {
          type: 'boolean',
          default: false,
          description: 'Whether they may create organizations and people, and read the whole log.',
        },
      },
      ['email'],
    ),
  },
  isWrite: true,
  status: 201,
  answer: { description: 'The user.', schema: user, headers: ['Location'] },
  problems: ['FORBIDDEN'],
});

export const GET_USER = asRoute({
  method: 'GET',
  path: USER,
  operationId: 'getUser',
  tag: TAG,
  summary: 'Read a person',
  description:
    'For the user themselves, for those who share an organization with them, and for operators.',
  access: { who: 'people' },
  status: 200,
  answer: { description: 'The user.', schema: user },
  problems: ['FORBIDDEN', 'NOT_FOUND'],
});

export const ISSUE_PERSONAL_TOKEN = asRoute<object, IssuePersonalTokenBody>({
  method: 'POST',
  path: PERSONAL_TOKENS,
  operationId: 'issuePersonalToken',
  tag: TAG,
  summary: 'Issue a personal token',
  description: `The secret is in this one answer, and in the answer to a repeat with its key.\n\n${FOR_THEMSELVES}`,
  access: { who: 'people' },
  body: {
    type: IssuePersonalTokenBody,
    required: true,
    schema: closed({ label: plainText(1, LIMITS.name, { pattern: '\\S' }) }, ['label']),
  },
  isWrite: true,
  status: 201,
  answer: {
    description: 'The personal token, and its secret.',
    schema: exactly({ token: personalToken, secret: text }),
    headers: ['Location'],
  },
  problems: ['FORBIDDEN', 'NOT_FOUND'],
});

export const LIST_PERSONAL_TOKENS = asRoute<ListQuery, object>({
  method: 'GET',
  path: PERSONAL_TOKENS,
  operationId: 'listPersonalTokens',
  tag: TAG,
  summary: 'List personal tokens, oldest first',
  description: `Revoked ones are listed as well.\n\n${FOR_THEMSELVES}`,
  access: { who: 'people' },
  query: { type: ListQuery, parameters: pageParameters },
  status: 200,
  answer: { description: 'One page.', schema: pageOf(personalToken) },
  problems: ['FORBIDDEN', 'NOT_FOUND'],
});

export const REVOKE_PERSONAL_TOKEN = asRoute({
  method: 'DELETE',
  path: `${PERSONAL_TOKENS}/{tokenId}`,
  operationId: 'revokePersonalToken',
  tag: TAG,
  summary: 'End a personal token',
  description: `Repeated, it gives the same answer again.\n\n${FOR_THEMSELVES}`,
  access: { who: 'people' },
  isWrite: true,
  status: 204,
  answer: { description: 'The personal token is not alive now.' },
  problems: ['FORBIDDEN', 'NOT_FOUND'],
});

export const USER_ROUTES: readonly RouteContract[] = [
  CREATE_USER,
  GET_USER,
  ISSUE_PERSONAL_TOKEN,
  LIST_PERSONAL_TOKENS,
  REVOKE_PERSONAL_TOKEN,
];

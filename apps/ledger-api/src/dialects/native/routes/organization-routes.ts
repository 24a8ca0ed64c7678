import { LIMITS } from '../limits.js';
import {
  CreateOrganizationBody,
  ListQuery,
  PLAN_DEFAULT,
  PLAN_LENGTH_MAX,
  ROLES,
  SetMemberBody,
  SLUG_FORM,
  UpdateOrganizationBody,
  UUID_FORM,
} from '../people/people.dto.js';
import { asRoute } from '../people/people-contract.js';
import type { JsonSchema, RouteContract } from './route-contract.js';
import { closed, exactly, instant, orNull, pageOf, plainText, text, uuid } from './schemas.js';

const TAG = 'Organizations';
const ORGANIZATIONS = '/v1/orgs';
const ORGANIZATION = `${ORGANIZATIONS}/{org}`;
const MEMBER = `${ORGANIZATION}/members/{userId}`;

const name = orNull(plainText(1, LIMITS.name, { pattern: '\\S' }));
const plan = plainText(1, PLAN_LENGTH_MAX, { pattern: '\\S' });
const role: JsonSchema = { enum: ROLES };

export const pageParameters = {
  limit: {
    description: 'Items on a page.',
    schema: { type: 'integer', minimum: 1, maximum: LIMITS.page, default: LIMITS.pageDefault },
  },
  cursor: { description: 'The nextCursor of the page before.', schema: text },
};

const organization = exactly({
  id: uuid,
  slug: text,
  name: orNull(text),
  plan: text,
  createdAt: instant,
  role: orNull({ ...role, description: "The caller's own." }),
});

const member = exactly({ userId: uuid, email: orNull(text), name: orNull(text), role });

const FOR_ADMINS = 'For admins of the organization.';
const FOR_MEMBERS = 'For members and admins of the organization, and for operators.';

export const CREATE_ORGANIZATION = asRoute<object, CreateOrganizationBody>({
  method: 'POST',
  path: ORGANIZATIONS,
  operationId: 'createOrganization',
  tag: TAG,
  summary: 'Create an organization, with its first admin',
  description: 'For operators.',
  access: { who: 'operators' },
  body: {
    type: CreateOrganizationBody,
    required: true,
    schema: closed(
      {
        slug: {
          type: 'string',
          pattern: SLUG_FORM,
          description: 'Its name in paths, for good.',
        },
        name,
        plan: { ...plan, default: PLAN_DEFAULT },
        adminUserId: orNull({
          type: 'string',
          pattern: UUID_FORM,
          description: 'The first admin; the caller when absent.',
        }),
      },
      ['slug'],
    ),
  },
  isWrite: true,
  status: 201,
  answer: { description: 'The organization.', schema: organization, headers: ['Location'] },
  problems: ['FORBIDDEN', 'SLUG_TAKEN'],
});

export const LIST_ORGANIZATIONS = asRoute<ListQuery, object>({
  method: 'GET',
  path: ORGANIZATIONS,
  operationId: 'listOrganizations',
  tag: TAG,
  summary: 'List organizations',
  description:
    "For people: those that they belong to; for operators all. Oldest first. An organization's token finds its own at `/v1/self`.",
  access: { who: 'people' },
  query: { type: ListQuery, parameters: pageParameters },
  status: 200,
  answer: { description: 'One page.', schema: pageOf(organization) },
  problems: ['FORBIDDEN'],
});

export const GET_ORGANIZATION = asRoute({
  method: 'GET',
  path: ORGANIZATION,
  operationId: 'getOrganization',
  tag: TAG,
  summary: 'Read an organization',
  description: FOR_MEMBERS,
  access: { who: 'people-of-organization', users: 'members', operators: true },
  status: 200,
  answer: { description: 'The organization.', schema: organization },
  problems: ['FORBIDDEN', 'NOT_FOUND'],
});

export const UPDATE_ORGANIZATION = asRoute<object, UpdateOrganizationBody>({
  method: 'PATCH',
  path: ORGANIZATION,
  operationId: 'updateOrganization',
  tag: TAG,
  summary: 'Change an organization',
  description: `A JSON merge patch (RFC 7396): absent is unchanged, null is cleared.\n\n${FOR_ADMINS}`,
  access: { who: 'people-of-organization', users: 'admins', operators: false },
  body: {
    type: UpdateOrganizationBody,
    required: true,
    mediaTypes: ['application/json', 'application/merge-patch+json'],
    schema: closed({ name, plan }),
  },
  isWrite: true,
  status: 200,
  answer: { description: 'The organization.', schema: organization },
  problems: ['FORBIDDEN', 'NOT_FOUND'],
});

export const LIST_MEMBERS = asRoute<ListQuery, object>({
  method: 'GET',
  path: `${ORGANIZATION}/members`,
  operationId: 'listMembers',
  tag: TAG,
  summary: 'List the people of an organization',
  description: `In the order of their ids.\n\n${FOR_MEMBERS}`,
  access: { who: 'people-of-organization', users: 'members', operators: true },
  query: { type: ListQuery, parameters: pageParameters },
  status: 200,
  answer: { description: 'One page.', schema: pageOf(member) },
  problems: ['FORBIDDEN', 'NOT_FOUND'],
});

export const SET_MEMBER = asRoute<object, SetMemberBody>({
  method: 'PUT',
  path: MEMBER,
  operationId: 'setMember',
  tag: TAG,
  summary: 'Add somebody to an organization, or change their role',
  description: FOR_ADMINS,
  access: { who: 'people-of-organization', users: 'admins', operators: false },
  body: { type: SetMemberBody, required: true, schema: closed({ role }, ['role']) },
  isWrite: true,
  status: 200,
  answer: { description: 'The member.', schema: member },
  problems: ['FORBIDDEN', 'NOT_FOUND', 'LAST_ADMIN'],
});

export const REMOVE_MEMBER = asRoute({
  method: 'DELETE',
  path: MEMBER,
  operationId: 'removeMember',
  tag: TAG,
  summary: 'Remove somebody from an organization',
  description: `Repeated, it gives the same answer again.\n\n${FOR_ADMINS}`,
  access: { who: 'people-of-organization', users: 'admins', operators: false },
  isWrite: true,
  status: 204,
  answer: { description: 'They do not belong to it now.' },
  problems: ['FORBIDDEN', 'NOT_FOUND', 'LAST_ADMIN'],
});

export const ORGANIZATION_ROUTES: readonly RouteContract[] = [
  CREATE_ORGANIZATION,
  LIST_ORGANIZATIONS,
  GET_ORGANIZATION,
  UPDATE_ORGANIZATION,
  LIST_MEMBERS,
  SET_MEMBER,
  REMOVE_MEMBER,
];

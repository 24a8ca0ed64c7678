import type { RouteContract } from './route-contract.js';
import { exactly, text } from './schemas.js';

const TAG = 'Documentation';

export const GET_OPENAPI: RouteContract = {
  method: 'GET',
  path: '/openapi.json',
  operationId: 'getOpenApi',
  tag: TAG,
  summary: 'This document',
  access: { who: 'anyone' },
  status: 200,
  answer: { description: 'OpenAPI 3.1.', schema: { type: 'object' } },
  problems: [],
};

export const GET_DOCS: RouteContract = {
  method: 'GET',
  path: '/docs',
  operationId: 'getDocs',
  tag: TAG,
  summary: 'This document, to read and try out in a browser',
  access: { who: 'anyone' },
  status: 200,
  answer: { description: 'A page.', schema: text, mediaType: 'text/html' },
  problems: [],
};

export const GET_DOCS_ASSET: RouteContract = {
  method: 'GET',
  path: '/docs/{asset}',
  operationId: 'getDocsAsset',
  tag: TAG,
  summary: 'Scripts and styles of that page',
  access: { who: 'anyone' },
  status: 200,
  answer: { description: 'A file.', schema: text, mediaType: '*/*' },
  problems: ['NOT_FOUND'],
};

export const GET_PROBLEM: RouteContract = {
  method: 'GET',
  path: '/problems/{code}',
  operationId: 'getProblem',
  tag: TAG,
  summary: 'What a problem means, and what to do about it',
  description: 'As HTML for browsers, by Accept.',
  access: { who: 'anyone' },
  status: 200,
  answer: {
    description: 'The documentation of the problem.',
    schema: exactly({
      type: text,
      code: text,
      status: { type: 'integer' },
      title: text,
      description: text,
    }),
  },
  problems: ['NOT_FOUND'],
};

export const DOCUMENTATION_ROUTES: readonly RouteContract[] = [
  GET_OPENAPI,
  GET_DOCS,
  GET_DOCS_ASSET,
  GET_PROBLEM,
];

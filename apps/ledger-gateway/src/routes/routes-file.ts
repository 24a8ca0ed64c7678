import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { QUOTA_MODES, requirement, type Question, type QuotaMode } from '@ledger/gateway-cache';
import { ConfigurationFault } from '@ledger/process';
import { RouteTable, type Route } from './route-table.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const PART = { type: 'string', minLength: 1, maxLength: 255 };

/** The form of a routes file. docs/gateway.md explains it. */
const ROUTES_SCHEMA = {
  type: 'object',
  required: ['routes'],
  additionalProperties: false,
  properties: {
    routes: {
      type: 'array',
      minItems: 1,
      maxItems: 1_000,
      items: {
        type: 'object',
        required: ['path'],
        additionalProperties: false,
        properties: {
          methods: { type: 'array', minItems: 1, items: { enum: METHODS } },
          path: {
            type: 'string',
            // Dot segments and what is encoded never come from `readPath`, so they would never fit.
            pattern:
              '^/$|^(/(\\*|[A-Za-z0-9_~!$&()+,=:@-][A-Za-z0-9_~!$&()+,=:@.-]*))*(/\\*\\*|/)?$',
          },
          public: { const: true },
          scopes: {
            type: 'array',
            maxItems: 100,
            items: { type: 'string', pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,128}$' },
          },
          resource: {
            type: 'object',
            required: ['organization'],
            additionalProperties: false,
            properties: { organization: PART, repository: PART, workspace: PART },
          },
          quota: { enum: QUOTA_MODES },
          cost: { type: 'integer', minimum: 1, maximum: 1_000_000 },
          operation: { type: 'string', minLength: 1, maxLength: 128 },
        },
      },
    },
  },
} as const;

interface RouteEntry {
  readonly methods?: readonly string[];
  readonly path: string;
  readonly public?: true;
  readonly scopes?: readonly string[];
  readonly resource?: NonNullable<Question['resource']>;
  readonly quota?: QuotaMode;
  readonly cost?: number;
  readonly operation?: string;
}

const ajv = new Ajv2020({ allErrors: true, strict: true });
const isRoutes = ajv.compile<{ readonly routes: readonly RouteEntry[] }>(ROUTES_SCHEMA);

/** @throws ConfigurationFault With all faults of the file at once. */
export function readRoutesFile(file: string): RouteTable {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigurationFault(`${file} cannot be read: ${(error as Error).message}`);
  }
  return readRoutes(value, file);
}

/** @param name Of the file, for the faults. @throws ConfigurationFault */
export function readRoutes(value: unknown, name: string): RouteTable {
  if (!isRoutes(value)) {
    const faults = (isRoutes.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
    throw new ConfigurationFault(`${name} is wrong:\n- ${faults.join('\n- ')}`);
  }
  const faults = value.routes.flatMap((entry, index) => {
    return contradictionsOf(entry).map((fault) => `/routes/${index} ${fault}`);
  });
  if (faults.length > 0)
    throw new ConfigurationFault(`${name} is wrong:\n- ${faults.join('\n- ')}`);
  return new RouteTable(value.routes.map(routeOf));
}

function contradictionsOf(entry: RouteEntry): readonly string[] {
  const faults: string[] = [];
  const { quota = 'none' } = entry;
  const forTokens = (['scopes', 'resource', 'quota', 'cost', 'operation'] as const).filter(
    (member) => entry[member] !== undefined,
  );
  if (entry.public && forTokens.length > 0) {
    faults.push(`is public, so it cannot have ${forTokens.join(', ')}`);
  }
  // No list at all is more likely forgotten than meant; an empty one says that any token will do.
  if (!entry.public && !entry.scopes) faults.push('must have scopes ([] for any), or be public');
  if (quota === 'none' && entry.cost !== undefined) faults.push('has a cost but no quota mode');
  return faults;
}

function routeOf(entry: RouteEntry): Route {
  const { path: pattern, scopes = [], resource, quota = 'none', cost = 1 } = entry;
  const methods = entry.methods ? new Set(entry.methods) : null;
  if (entry.public) return { methods, pattern, rule: { access: 'public' } };
  const question = { scopes, ...(resource ? { resource } : {}) };
  const { operation = `${entry.methods?.join(',') ?? 'ANY'} ${pattern}`.slice(0, 128) } = entry;
  const charged = quota === 'none' ? {} : { quota, cost, operation };
  return { methods, pattern, rule: { access: 'token', required: requirement(question, charged) } };
}
